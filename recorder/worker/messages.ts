/** What the main thread and its workers say to each other. Everything is cloned on the way; keys are handed over, not copied. */
import type { DeviceRecorderOptions, DeviceSnapshot } from '../conversation';
import type { RecorderErrorCode, Alarm, Channel, DeviceContext, RecordingMetadata } from '../common';
import type { MasterKey } from '../srtp';
import type { FileOwner } from '../files';

/** What a worker is started with. */
export interface WorkerData {
  readonly bind: string;
  readonly options: Omit<DeviceRecorderOptions, 'flushMs'>;
  readonly owner: FileOwner;
}

export type WorkerCommand =
  | {
      readonly type: 'arm';
      readonly deviceNumber: string;
      readonly context: DeviceContext;
      readonly secure: boolean;
      readonly ports: Readonly<Record<Channel, number>>;
    }
  | { readonly type: 'describe'; readonly deviceNumber: string; readonly context: DeviceContext }
  | { readonly type: 'keys'; readonly deviceNumber: string; readonly master: MasterKey | undefined }
  | { readonly type: 'expect'; readonly deviceNumber: string; readonly expected: boolean | undefined }
  | {
      readonly type: 'pause';
      readonly deviceNumber: string;
      readonly by: string | undefined;
      readonly reason: string | undefined;
      readonly resumeAfterMs: number;
    }
  | { readonly type: 'resume'; readonly deviceNumber: string }
  | { readonly type: 'end'; readonly deviceNumber: string; readonly endedBy: string }
  | { readonly type: 'disarm'; readonly deviceNumber: string; readonly endedBy: string }
  | { readonly type: 'close' };

export interface WorkerRequest {
  readonly requestId: number;
  readonly command: WorkerCommand;
}

export interface CommandFailure {
  readonly code: RecorderErrorCode | 'PORT_TAKEN';
  readonly message: string;
  /** The port that another program has. */
  readonly port?: number;
}

export type WorkerMessage =
  | { readonly type: 'reply'; readonly requestId: number; readonly failure?: CommandFailure }
  | { readonly type: 'recorded'; readonly recorded: RecordingMetadata }
  | { readonly type: 'alarm'; readonly alarm: Alarm }
  | {
      readonly type: 'started';
      readonly deviceNumber: string;
      readonly id: string;
      readonly startedAt: string;
    }
  | { readonly type: 'snapshot'; readonly devices: readonly DeviceSnapshot[] };
