import type { EventObject, CallHandle, CallOptions } from '../oxe';
import type { PlayName } from './plays';
import type { UserOptions } from '../settings';
import type { Enumeration, Representation } from '../specification';

/** Calls that happen by themselves. */
export interface AutoplayOptions {
  /** A call begins every so many ms. @default 10000 */
  readonly everyMs?: number;
  /** What happens in the calls, in turn; what needs more users than have nothing to do is left out. @default ['incoming'] */
  readonly plays?: readonly PlayName[];
  /** How long it rings, and talks before and after the hold, in ms. @default 2000 and 5000 */
  readonly ringMs?: number;
  readonly talkMs?: number;
  /** How long it is held between; 0 for not at all in a plain call. @default 2000 */
  readonly holdMs?: number;
  /** Whom the calls are about. @default a recorded, else a monitored, else any user with nothing to do */
  readonly devices?: readonly string[];
  /** Makes the choice of users repeatable. @default 1 */
  readonly seed?: number;
}

/** The OXE's side: calls, users, devices, agents, links of others. */
export interface Telephony {
  /** Starts a call and returns at once; its events follow. @throws RangeError when a party would call itself */
  call(options: CallOptions): CallHandle;
  /** All calls in progress are over: everyone hangs up. */
  endCalls(): Promise<void>;
  /** Number of calls in progress. */
  callCount(): number;
  /** Starts calls by itself, one after the other. @returns a function that stops it */
  autoplay(options?: AutoplayOptions): () => void;
  /** Sends any event to the subscriptions that asked for it; one that the specification doesn't know to all of them. */
  emit(event: EventObject): Promise<void>;
  /** Puts a user into the OXE, or replaces the one of this number. */
  addUser(user: UserOptions): void;
  /** Changes a user's name: OnUserInfoChanged. */
  changeUser(
    login: string,
    change: { readonly firstName?: string; readonly lastName?: string },
  ): Promise<void>;
  /** A device goes in or out of service: OnDeviceStateModified. */
  deviceState(deviceNumber: string, state: Enumeration<'OperationalState'>): Promise<void>;
  /** An agent logs on or off, withdraws, is ready: OnAgentStateChanged. */
  agentState(login: string, state: Representation<'AgentState'>): Promise<void>;
  /** A link of another recorder, which a client must leave alone. @returns its registration id */
  addForeignLink(nodeId: number, deviceNumbers?: readonly string[]): string;
}
