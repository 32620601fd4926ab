/** What is desired of the devices of a DR link, and how the link's own lists and the flows' messages make it. */
import type { BodyOf } from '../spec';

/** Where a recording goes: two UDP ports of a recorder, or a PCM time slot (StartRecordRequest, StartTDMRecordRequest). */
export type RecordTarget =
  | ({ readonly mode: 'ip' } & Readonly<Omit<BodyOf<'startRecord'>, 'deviceNumber'>>)
  | ({ readonly mode: 'tdm' } & Readonly<Omit<BodyOf<'startTdmRecord'>, 'deviceNumber'>>);
/** What shall be recorded where: a target, or a recorder of this program, which says the ports when it is asked for them (`recorder-port.ts`). */
export type DesiredRecording = RecordTarget | BuiltInRecording;
export interface BuiltInRecording {
  readonly mode: 'builtin';
  /** Its id. */
  readonly recorder: string;
  /** The link's own list says so, not a message. */
  readonly fromConfig?: boolean;
}
export type Beep = Readonly<Omit<BodyOf<'startBeep'>, 'deviceNumber'>>;

/** What a device shall be; that it is in the map at all says that it shall be monitored. */
export interface DesiredState {
  /** It is in the link's own list, not only in messages. */
  readonly fromConfig: boolean;
  readonly record?: DesiredRecording | undefined;
  readonly beep?: Beep | undefined;
}

/** The lists of a link itself. */
export interface ConfiguredDevices {
  /** Devices to keep monitored. */
  readonly devices: readonly string[];
  /** Devices to keep recorded by a recorder of this program, and its id. */
  readonly record?: { readonly devices: readonly string[]; readonly recorder: string } | undefined;
}

/**
 * What a new link desires: its own lists, and what flows asked of the links before it, which wins.
 * @param previous all that was desired of those
 */
export function initialDesiredStates(
  { devices, record: configured }: ConfiguredDevices,
  previous: Iterable<readonly [string, DesiredState]>,
): Map<string, DesiredState> {
  const desiredStates = new Map<string, DesiredState>();
  for (const [deviceNumber, desired] of previous) {
    // What was monitored or recorded only because it was in the list, and is in it no more, is not desired any more.
    const record =
      desired.record?.mode === 'builtin' && desired.record.fromConfig === true ? undefined : desired.record;
    if (!desired.fromConfig || record || desired.beep)
      desiredStates.set(deviceNumber, { ...desired, fromConfig: false, record });
  }
  for (const deviceNumber of devices)
    desiredStates.set(deviceNumber, { ...desiredStates.get(deviceNumber), fromConfig: true });
  if (!configured) return desiredStates;
  for (const deviceNumber of configured.devices) {
    const desired = desiredStates.get(deviceNumber);
    desiredStates.set(deviceNumber, {
      ...desired,
      fromConfig: true,
      record: desired?.record ?? { mode: 'builtin', recorder: configured.recorder, fromConfig: true },
    });
  }
  return desiredStates;
}

/** True when both are the same recorder and ports, or the same time slot. */
export function sameTarget(one: RecordTarget, other: RecordTarget | undefined): boolean {
  if (one.mode === 'ip') {
    return (
      other?.mode === 'ip' &&
      one.ipRecorderAddr === other.ipRecorderAddr &&
      one.sentFlowPort === other.sentFlowPort &&
      one.receivedFlowPort === other.receivedFlowPort
    );
  }
  return (
    other?.mode === 'tdm' &&
    one.crystal === other.crystal &&
    one.board === other.board &&
    one.timeslot === other.timeslot
  );
}
