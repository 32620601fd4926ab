/**
 * What it takes to make a DR link as it is desired: pure, so that it can be tested, logged and shown without sending anything.
 */
import {
  sameTarget,
  type Beep,
  type RecordTarget,
  type DesiredRecording,
  type DesiredState,
} from './desired-state';

/** What a device is, as far as the server told. */
export interface ActualState {
  readonly monitored: boolean;
  readonly userId?: string | undefined;
  readonly record?: RecordTarget | undefined;
  /** The recorder of this program that has the ports of `record`. */
  readonly recorder?: string | undefined;
  readonly beep?: Beep | undefined;
  /** An answer was lost or the server may have forgotten: what it can't tell is sent again. */
  readonly uncertain?: boolean;
}

export type Step =
  | { readonly action: 'monitor' | 'stopRecord' | 'stopBeep'; readonly deviceNumber: string }
  | { readonly action: 'record'; readonly deviceNumber: string; readonly recording: DesiredRecording }
  | { readonly action: 'beep'; readonly deviceNumber: string; readonly beep: Beep };

const NOT_MONITORED: ActualState = { monitored: false };

/**
 * The steps from what is to what shall be, the devices that are in a call first; within a device in the order they must be sent.
 * Nothing is planned for devices that nobody wants: their monitors end with the link.
 */
export function planSteps(
  desiredStates: ReadonlyMap<string, DesiredState>,
  actualStates: ReadonlyMap<string, ActualState>,
  inCall: ReadonlySet<string>,
): Step[] {
  const inCallSteps: Step[] = [];
  const otherSteps: Step[] = [];
  for (const [deviceNumber, desired] of desiredStates) {
    (inCall.has(deviceNumber) ? inCallSteps : otherSteps).push(
      ...stepsFor(deviceNumber, desired, actualStates.get(deviceNumber) ?? NOT_MONITORED),
    );
  }
  for (const [deviceNumber, { record }] of actualStates) {
    if (record && !desiredStates.has(deviceNumber)) otherSteps.push({ action: 'stopRecord', deviceNumber });
  }
  return [...inCallSteps, ...otherSteps];
}

/** The steps of one device. */
export function stepsFor(deviceNumber: string, desired: DesiredState, actual: ActualState): Step[] {
  const steps: Step[] = [];
  const isRecording = desired.record !== undefined && isSatisfied(desired.record, actual);
  if (!actual.monitored || actual.uncertain) steps.push({ action: 'monitor', deviceNumber });
  if (desired.record && !isRecording)
    steps.push({ action: 'record', deviceNumber, recording: desired.record });
  if (!desired.record && actual.record) steps.push({ action: 'stopRecord', deviceNumber });
  // A beep belongs to a recording: a new recording needs it anew, and GET doesn't tell of it.
  if (desired.beep && (!actual.beep || actual.uncertain || !isRecording))
    steps.push({ action: 'beep', deviceNumber, beep: desired.beep });
  if (!desired.beep && actual.beep) steps.push({ action: 'stopBeep', deviceNumber });
  return steps;
}

/** A recording that another run of this program began isn't: nobody listens at its ports any more, and its keys are known to nobody. */
function isSatisfied(recording: DesiredRecording, { record, recorder }: ActualState): boolean {
  return recording.mode === 'builtin'
    ? record !== undefined && recorder === recording.recorder
    : sameTarget(recording, record);
}
