import type { IncomingMessage, ServerResponse } from 'node:http';
import { Channel, type ChannelEnd, type Splitter, type Subscription } from '../o2g';
import { subscriptionOfChannel } from './handlers';
import { overriddenAnswer, writeAnswer, type Overrides } from './canned-answers';
import { recordOf } from './rest';
import { Refusal, violation } from '../specification';
import type { World } from '../world';

const STARTED = '{"eventName":"OnChannelInformation","text":"Chunk started"}';
const KEEPALIVE = '{"eventName":"OnChannelInformation","text":"keepalive"}';
const PATH = '/OTEvents';

/** How channels misbehave on purpose. */
export interface ChannelFaults {
  /** Channels opened from now on say nothing at all. */
  muteNew: boolean;
  /** Refuses channels: with this status, so many times. */
  refuse: { readonly status: number; left: number } | undefined;
  /** Cuts what is written. */
  splitter: Splitter | undefined;
}

/** The event port: one resource, `/OTEvents`, whose answer never ends. */
export class EventsPort {
  readonly faults: ChannelFaults = { muteNew: false, refuse: undefined, splitter: undefined };
  private readonly open = new Set<Channel>();

  constructor(
    private readonly world: World,
    private readonly overrides: Overrides,
    private readonly reset: (request: IncomingMessage) => void,
  ) {}

  get channels(): readonly Channel[] {
    return [...this.open];
  }

  endAll(how: ChannelEnd): void {
    for (const channel of this.channels) channel.end(how);
  }

  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    request.resume(); // a body is allowed, and says nothing
    const record = recordOf(request, 'events', { text: '', json: undefined, isJson: false });
    this.world.journal.request(record);
    const status = this.serve(request, response, record.query.subscriptionId);
    record.status = status;
    record.durationMs = Date.now() - record.at;
    this.world.journal.changed(record);
  };

  /** @returns the status of the answer; 0 when there is none */
  private serve(request: IncomingMessage, response: ServerResponse, id: string | undefined): number {
    const [path = ''] = (request.url ?? '').split('?');
    try {
      this.refuseOnPurpose(id);
      if (path !== PATH) throw violation(404, 'NOT_FOUND', 'The event port has only /OTEvents');
      if (request.method !== 'GET' && request.method !== 'POST')
        throw violation(405, 'NOT_SUPPORTED', 'A channel is opened by GET or POST');
      if (!this.world.readiness.ready) throw new Refusal(503, 'NOT_READY', 'O2G is starting');
      const subscription = subscriptionOfChannel(this.world, id);
      const override = this.overrides.take({ method: request.method, path });
      if (override?.reset) this.reset(request);
      if (override?.reset || override?.hang) return 0;
      const answer = override && overriddenAnswer(override);
      if (answer) writeAnswer(response, answer, override.dripMs);
      else this.openChannel(subscription, request, response);
      return answer?.status ?? 200;
    } catch (error) {
      return this.refusal(`${request.method ?? ''} ${path}`, response, error);
    }
  }

  private openChannel(subscription: Subscription, request: IncomingMessage, response: ServerResponse): void {
    const { subscriptions, journal, settings } = this.world;
    const timers: NodeJS.Timeout[] = [];
    const channel = new Channel(
      response,
      {
        greeting: STARTED,
        splitter: () => this.faults.splitter,
        reset: () => {
          this.reset(request);
        },
        onClose: (unwritten) => {
          for (const timer of timers) clearTimeout(timer);
          this.open.delete(channel);
          subscriptions.detach(subscription, channel, unwritten);
          journal.log(`channel of ${subscription.subscriber.login} closed`);
          journal.changed();
        },
      },
      this.faults.muteNew,
    );
    this.open.add(channel);
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
          channel.keepalive(KEEPALIVE);
        }, settings.keepaliveMs),
      );
  }

  private refuseOnPurpose(id: string | undefined): void {
    const { refuse } = this.faults;
    if (!refuse) return;
    refuse.left -= 1;
    if (refuse.left <= 0) this.faults.refuse = undefined;
    // Whoever is told that a subscription is forbidden or gone must be right to make a new one.
    const subscription = this.world.subscriptions.all.get(id ?? '');
    if (subscription && (refuse.status === 403 || refuse.status === 404))
      this.world.subscriptions.abandon(subscription);
    const type = refuse.status === 503 ? 'NOT_READY' : refuse.status === 404 ? 'NOT_FOUND' : 'NOT_ALLOWED';
    throw new Refusal(refuse.status, type, 'The channel is refused');
  }

  private refusal(what: string, response: ServerResponse, error: unknown): number {
    if (!(error instanceof Refusal)) throw error;
    if (error.violation) this.world.journal.violation(`${what}: ${error.message} (${error.status})`);
    writeAnswer(response, {
      status: error.status,
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(error.body),
    });
    return error.status;
  }
}
