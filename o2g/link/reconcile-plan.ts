/**
 * What it takes to make a DR link as it is desired: pure, so that it can be tested, logged and shown without sending anything.
 */
import type { BodyOf } from '../spec/operations';

/** Where a recording goes: two UDP ports of a recorder, or a PCM time slot (StartRecordRequest, StartTDMRecordRequest). */
export type RecordTarget =
  | ({ readonly mode: 'ip' } & Readonly<Omit<BodyOf<'startRecord'>, 'deviceNumber'>>)
  | ({ readonly mode: 'tdm' } & Readonly<Omit<BodyOf<'startTdmRecord'>, 'deviceNumber'>>);
/** What shall be recorded where: a target, or a recorder of this program, which says the ports when it is asked for them (`media.ts`). */
export type RecordWish = RecordTarget | OwnRecorder;
export interface OwnRecorder {
  readonly mode: 'own';
  /** Its id. */
  readonly recorder: string;
  /** The link's own list says so, not a message. */
  readonly listed?: boolean;
}
export type Beep = Readonly<Omit<BodyOf<'startBeep'>, 'deviceNumber'>>;

/** What a device shall be; that it is in the map at all says that it shall be monitored. */
export interface Wanted {
  /** It is in the link's own list, not only in messages. */
  readonly own: boolean;
  readonly record?: RecordWish | undefined;
  readonly beep?: Beep | undefined;
}

/** The lists of a link itself. */
export interface OwnLists {
  /** Devices to keep monitored. */
  readonly devices: readonly string[];
  /** Devices to keep recorded by a recorder of this program, and its id. */
  readonly record?: { readonly devices: readonly string[]; readonly recorder: string } | undefined;
}

/** What a device is, as far as the server told. */
export interface Seen {
  readonly monitored: boolean;
  readonly userId?: string | undefined;
  readonly record?: RecordTarget | undefined;
  /** The recorder of this program that has the ports of `record`. */
  readonly recorder?: string | undefined;
  readonly beep?: Beep | undefined;
  /** An answer was lost or the server may have forgotten: what it can't tell is sent again. */
  readonly doubt?: boolean;
}

export type Step =
  | { readonly do: 'monitor' | 'stopRecord' | 'stopBeep'; readonly deviceNumber: string }
  | { readonly do: 'record'; readonly deviceNumber: string; readonly wish: RecordWish }
  | { readonly do: 'beep'; readonly deviceNumber: string; readonly beep: Beep };

const NOTHING: Seen = { monitored: false };

/**
 * What a new link desires: its own lists, and what flows asked of the links before it, which wins.
 * @param before all that was desired of those
 */
export function wantedAtFirst(
  { devices, record: own }: OwnLists,
  before: Iterable<readonly [string, Wanted]>,
): Map<string, Wanted> {
  const wanted = new Map<string, Wanted>();
  for (const [deviceNumber, want] of before) {
    // What was monitored or recorded only because it was in the list, and is in it no more, is not desired any more.
    const record = want.record?.mode === 'own' && want.record.listed === true ? undefined : want.record;
    if (!want.own || record || want.beep) wanted.set(deviceNumber, { ...want, own: false, record });
  }
  for (const deviceNumber of devices) wanted.set(deviceNumber, { ...wanted.get(deviceNumber), own: true });
  if (!own) return wanted;
  for (const deviceNumber of own.devices) {
    const want = wanted.get(deviceNumber);
    wanted.set(deviceNumber, {
      ...want,
      own: true,
      record: want?.record ?? { mode: 'own', recorder: own.recorder, listed: true },
    });
  }
  return wanted;
}

/**
 * The steps from what is to what shall be, the devices that are in a call first; within a device in the order they must be sent.
 * Nothing is planned for devices that nobody wants: their monitors end with the link.
 */
export function plan(
  wanted: ReadonlyMap<string, Wanted>,
  seen: ReadonlyMap<string, Seen>,
  inCall: ReadonlySet<string>,
): Step[] {
  const first: Step[] = [];
  const then: Step[] = [];
  for (const [deviceNumber, want] of wanted) {
    (inCall.has(deviceNumber) ? first : then).push(
      ...stepsFor(deviceNumber, want, seen.get(deviceNumber) ?? NOTHING),
    );
  }
  for (const [deviceNumber, { record }] of seen) {
    if (record && !wanted.has(deviceNumber)) then.push({ do: 'stopRecord', deviceNumber });
  }
  return [...first, ...then];
}

/** The steps of one device. */
export function stepsFor(deviceNumber: string, want: Wanted, is: Seen): Step[] {
  const steps: Step[] = [];
  const recording = want.record !== undefined && isInForce(want.record, is);
  if (!is.monitored || is.doubt) steps.push({ do: 'monitor', deviceNumber });
  if (want.record && !recording) steps.push({ do: 'record', deviceNumber, wish: want.record });
  if (!want.record && is.record) steps.push({ do: 'stopRecord', deviceNumber });
  // A beep belongs to a recording: a new recording needs it anew, and GET doesn't tell of it.
  if (want.beep && (!is.beep || is.doubt || !recording))
    steps.push({ do: 'beep', deviceNumber, beep: want.beep });
  if (!want.beep && is.beep) steps.push({ do: 'stopBeep', deviceNumber });
  return steps;
}

/** A recording that another run of this program began isn't: nobody listens at its ports any more, and its keys are known to nobody. */
function isInForce(wish: RecordWish, { record, recorder }: Seen): boolean {
  return wish.mode === 'own' ? record !== undefined && recorder === wish.recorder : sameTarget(wish, record);
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
