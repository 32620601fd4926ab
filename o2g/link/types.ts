/** What is known of a device after an action on it. */
import type { SrtpKeys } from './recorder-port';
import type { RecordTarget } from './desired-state';

export interface MonitorResult {
  readonly deviceNumber: string;
  readonly userId: string | undefined;
  readonly monitored: boolean;
}

export interface RecordResult {
  readonly deviceNumber: string;
  readonly recording: boolean;
  readonly target?: RecordTarget;
  /** Whether the link is secure, when the server said it. */
  readonly secure?: boolean;
  readonly srtp?: SrtpKeys;
  /** Told by `pause` and `resume` only. */
  readonly paused?: boolean;
}

export interface BeepResult {
  readonly deviceNumber: string;
  readonly beeping: boolean;
}
