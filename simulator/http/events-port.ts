import type { IncomingMessage, ServerResponse } from 'node:http';
import { EventChannel, type ChannelEnd, type Splitter, type Subscription } from '../o2g';
import { subscriptionOfChannel } from './handlers';
import { overriddenResponse, writeResponse, type Overrides } from './canned-answers';
import { requestRecordOf } from './rest';
import { Refusal, violation } from '../specification';
import type { World } from '../world';

const CHANNEL_STARTED_LINE = '{"eventName":"OnChannelInformation","text":"Chunk started"}';
const KEEPALIVE_LINE = '{"eventName":"OnChannelInformation","text":"keepalive"}';
const EVENTS_PATH = '/OTEvents';

/** How channels misbehave on purpose. */
export interface ChannelFaultState {
  /** Channels opened from now on say nothing at all. */
  muteNew: boolean;
  /** Refuses channels: with this status, so many times. */
  refuse: { readonly status: number; left: number } | undefined;
  /** Cuts what is written. */
  splitter: Splitter | undefined;
}

/** The event port: one resource, `/OTEvents`, whose answer never ends. */
export class EventsPort {
  readonly #world: World;
  readonly #overrides: Overrides;
  readonly #reset: (request: IncomingMessage) => void;
  readonly faults: ChannelFaultState = { muteNew: false, refuse: undefined, splitter: undefined };
  readonly #openChannels = new Set<EventChannel>();

  constructor(world: World, overrides: Overrides, reset: (request: IncomingMessage) => void) {
    this.#world = world;
    this.#overrides = overrides;
    this.#reset = reset;
  }

  get channels(): readonly EventChannel[] {
    return [...this.#openChannels];
  }

  endAll(how: ChannelEnd): void {
    for (const channel of this.channels) channel.end(how);
  }

  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    request.resume(); // a body is allowed, and says nothing
    const record = requestRecordOf(request, 'events', { text: '', json: undefined, isJson: false });
    this.#world.journal.addRequest(record);
    const status = this.#serve(request, response, record.query.subscriptionId);
    record.status = status;
    record.durationMs = Date.now() - record.at;
    this.#world.journal.notifyChange(record);
  };

  /** @returns the status of the answer; 0 when there is none */
  #serve(request: IncomingMessage, response: ServerResponse, id: string | undefined): number {
    const [path = ''] = (request.url ?? '').split('?');
    try {
      this.#throwIfRefused(id);
      if (path !== EVENTS_PATH) throw violation(404, 'NOT_FOUND', 'The event port has only /OTEvents');
      if (request.method !== 'GET' && request.method !== 'POST')
        throw violation(405, 'NOT_SUPPORTED', 'A channel is opened by GET or POST');
      if (!this.#world.readiness.ready) throw new Refusal(503, 'NOT_READY', 'O2G is starting');
      const subscription = subscriptionOfChannel(this.#world, id);
      const override = this.#overrides.take({ method: request.method, path });
      if (override?.reset) this.#reset(request);
      if (override?.reset || override?.hang) return 0;
      const cannedResponse = override && overriddenResponse(override);
      if (cannedResponse) writeResponse(response, cannedResponse, override.dripMs);
      else this.#openChannel(subscription, request, response);
      return cannedResponse?.status ?? 200;
    } catch (error) {
      return this.#writeRefusal(`${request.method ?? ''} ${path}`, response, error);
    }
  }

  #openChannel(subscription: Subscription, request: IncomingMessage, response: ServerResponse): void {
    const { subscriptions, journal, settings } = this.#world;
    const timers: NodeJS.Timeout[] = [];
    const channel = new EventChannel(
      response,
      {
        greeting: CHANNEL_STARTED_LINE,
        splitter: () => this.faults.splitter,
        reset: () => {
          this.#reset(request);
        },
        onClose: (unwritten) => {
          for (const timer of timers) clearTimeout(timer);
          this.#openChannels.delete(channel);
          subscriptions.detach(subscription, channel, unwritten);
          journal.log(`channel of ${subscription.subscriber.login} closed`);
          journal.notifyChange();
        },
      },
      this.faults.muteNew,
    );
    this.#openChannels.add(channel);
    journal.log(
      `channel of ${subscription.subscriber.login} opened, ${subscription.queue.length} events waiting`,
    );
    subscriptions.attach(subscription, channel);
    if (subscription.timeout > 0)
      timers.push(
        setTimeout(() => {
          channel.end('clean');
        }, subscription.timeout * settings.minuteMs),
      );
    else if (settings.keepaliveMs > 0)
      timers.push(
        setInterval(() => {
          channel.keepalive(KEEPALIVE_LINE);
        }, settings.keepaliveMs),
      );
  }

  #throwIfRefused(id: string | undefined): void {
    const { refuse } = this.faults;
    if (!refuse) return;
    refuse.left -= 1;
    if (refuse.left <= 0) this.faults.refuse = undefined;
    // Whoever is told that a subscription is forbidden or gone must be right to make a new one.
    const subscription = this.#world.subscriptions.all.get(id ?? '');
    if (subscription && (refuse.status === 403 || refuse.status === 404))
      this.#world.subscriptions.removeSilently(subscription);
    const type = refuse.status === 503 ? 'NOT_READY' : refuse.status === 404 ? 'NOT_FOUND' : 'NOT_ALLOWED';
    throw new Refusal(refuse.status, type, 'The channel is refused');
  }

  #writeRefusal(requestLine: string, response: ServerResponse, error: unknown): number {
    if (!(error instanceof Refusal)) throw error;
    if (error.violation)
      this.#world.journal.addViolation(`${requestLine}: ${error.message} (${error.status})`);
    writeResponse(response, {
      status: error.status,
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(error.body),
    });
    return error.status;
  }
}
