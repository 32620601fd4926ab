/**
 * What it takes to make a DR link as it is desired: pure, so that it can be tested, logged and shown without sending anything.
 */
import { sameTarget, type Beep, type RecordTarget, type RecordWish, type Wanted } from './desired-state';

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
