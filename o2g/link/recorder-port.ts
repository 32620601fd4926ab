/**
 * A recorder in this program, as a link needs it. Who records is no matter of this library: whoever joins the two implements this
 * (docs/decisions/004-built-in-recorder.md).
 */
import type { Conversation } from '../calls';
import type { RecordTarget } from './desired-state';
import type { Representation } from '../spec';
import type { Signal } from '../util';

export type IpTarget = Extract<RecordTarget, { mode: 'ip' }>;
export type SrtpKeys = Representation<'RecordingSrtpKeys'>;

/** Who asked for a pause and why; it resumes by itself after so many seconds. */
export interface PauseReason {
  readonly resumeAfter?: number | undefined;
  readonly by?: string | undefined;
  readonly reason?: string | undefined;
}

export interface RecorderPort {
  /**
   * Binds two ports for a device; it keeps those it has until `disarm`.
   * @param previous the ports of an earlier run, to which the OXE may still send: taken again when they are free
   * @param secure what comes will be encrypted; undefined: nobody knows
   * @returns what the record request says
   * @throws O2GError when there are no ports, or nothing can be written
   */
  arm(deviceNumber: string, previous: IpTarget | undefined, secure: boolean | undefined): Promise<IpTarget>;
  /** The keys of the device's recording, as the server answered; undefined: it gave none. */
  setKeys(deviceNumber: string, keys: SrtpKeys | undefined): Promise<void>;
  /** Whether what comes for the device can't be deciphered now. */
  isUndecipherable(deviceNumber: string): boolean;
  /** Writes silence from now on. @throws O2GError */
  pause(deviceNumber: string, reason: PauseReason): Promise<void>;
  /** @throws O2GError */
  resume(deviceNumber: string): Promise<void>;
  /** What the device's calls do. Never throws. */
  follow(deviceNumber: string, conversation: Conversation): void;
  /** Nobody reports what the device's calls do any more: its conversation ends by silence. Never throws. */
  forgetCalls(deviceNumber: string): void;
  /** Completes the recording and gives the ports back. Disarming what isn't armed is no error; never rejects. */
  disarm(deviceNumber: string): Promise<void>;
}

/** The recorders of this program by their ids. */
export interface RecorderPorts {
  /** There is one: without, nobody asks what calls do. */
  readonly hasRecorders: boolean;
  find(recorder: string): RecorderPort | undefined;
  /** This recorder is another one now, or gone: what the old one had armed isn't any more. */
  readonly onChanged: Signal<string>;
  /** What comes for a device can't be deciphered any more: the OXE may have changed the keys. Told once, when it begins. */
  readonly onUndecipherable: Signal<{ readonly recorder: string; readonly deviceNumber: string }>;
}
