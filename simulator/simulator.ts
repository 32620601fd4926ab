import { setMaxListeners } from 'node:events';
import { Exchange, Oxe } from './oxe';
import { startControl } from './control';
import { EventsPort, Overrides, Rest, Listener } from './http';
import { Expectations, Journal } from './journal';
import { faultsOf } from './faults';
import { Links, Media } from './recording';
import { observationOf } from './observation';
import { settingsFrom, type AnnouncedUrls, type Settings, type SimulatorOptions } from './settings';
import { Sessions, Subscriptions, Urls } from './o2g';
import { telephonyOf } from './play';
import type { Simulator } from './simulator-api';
import type { World } from './world';

/**
 * Starts an O2G server with an OXE behind it.
 * @throws the system's error when a port can't be had; RangeError for devices or nodes that make no sense
 */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const settings = settingsFrom(options);
  const closing = new AbortController();
  setMaxListeners(0, closing.signal); // every request that is thought about listens to it
  const journal = new Journal(settings);
  const overrides = new Overrides();
  const pace = { thinkMs: 0, closing: closing.signal };
  const rest: Listener = new Listener(settings, settings.port, (request, response) => {
    api.handle(request, response);
  });
  const events: Listener = new Listener(settings, settings.eventPort, (request, response) => {
    eventsPort.handle(request, response);
  });
  const world = makeWorld(settings, journal, rest, events);
  const api = new Rest(world, overrides, pace, (request) => {
    rest.reset(request);
  });
  const eventsPort = new EventsPort(world, overrides, (request) => {
    events.reset(request);
  });
  const expectations = new Expectations(journal);
  const opened: Listener[] = [];
  const stoppers = new Set<() => void>();
  const close = once(async () => {
    closing.abort();
    for (const stop of stoppers) stop();
    for (const subscription of [...world.subscriptions.all.values()])
      world.subscriptions.remove(subscription, 'cut');
    world.sessions.close();
    world.media.close();
    await Promise.all(opened.map((listener) => listener.down()));
    expectations.close();
  });
  const told = (what: string): void => {
    journal.log(`fault: ${what}`);
    journal.changed();
  };
  const parts = {
    login: settings.login,
    password: settings.password,
    close,
    ...telephonyOf(world, stoppers),
    ...observationOf({ world, listeners: [rest, events], eventsPort, expectations }),
    ...faultsOf({
      world,
      rest,
      events,
      eventsPort,
      overrides,
      pace,
      told,
      later: laterUntil(closing.signal),
    }),
    announce: (urls: AnnouncedUrls) => {
      world.urls.announced = urls;
    },
  };
  return openPorts(parts, settings, rest, events, opened).catch(async (error: unknown) => {
    await close();
    throw error;
  });
}

type Address = 'url' | 'port' | 'eventPort' | 'controlUrl';

/** Opens the ports one after the other; `opened` tells how far it came. */
async function openPorts(
  parts: Omit<Simulator, Address>,
  settings: Settings,
  rest: Listener,
  events: Listener,
  opened: Listener[],
): Promise<Simulator> {
  for (const listener of [rest, events]) {
    await listener.up();
    opened.push(listener);
  }
  const url = `${settings.tls ? 'https' : 'http'}://${settings.host.includes(':') ? `[${settings.host}]` : settings.host}:${rest.port}`;
  const simulator = {
    ...parts,
    url,
    port: rest.port,
    eventPort: events.port,
    controlUrl: undefined as string | undefined,
  };
  if (settings.controlPort !== undefined) {
    const control = await startControl(simulator, settings.controlPort);
    opened.push(control);
    simulator.controlUrl = `http://127.0.0.1:${control.port}`;
  }
  return simulator;
}

function makeWorld(settings: Settings, journal: Journal, rest: Listener, events: Listener): World {
  const oxe = new Oxe(settings);
  const subscriptions = new Subscriptions(settings.queueSize);
  const log = (line: string): void => {
    journal.log(line);
  };
  const publish = subscriptions.publish.bind(subscriptions);
  const media = new Media(settings, log);
  const links = new Links({ oxe, media, settings, publish, log });
  const sessions = new Sessions(settings, oxe, (session, why) => {
    const subscription = subscriptions.ofSession(session.credential.token);
    if (subscription) subscriptions.remove(subscription, 'clean');
    if (!settings.linksOutliveSessions) links.endOfSession(session.credential.token);
    journal.log(`session of ${session.login} ended: ${why}`);
    journal.changed();
  });
  const exchange = new Exchange(oxe, {
    publish,
    mediaChanged: (device) => {
      media.changed(device);
    },
  });
  const urls = new Urls(
    {
      secure: settings.tls !== undefined,
      host: settings.host,
      restPort: () => rest.port,
      eventPort: () => events.port,
    },
    settings.announce,
  );
  const readiness = {
    ready: true,
    startedAt: Date.now(),
    refuseSubscription: undefined,
    startListeners: new Set<string>(),
  };
  return { settings, journal, oxe, sessions, subscriptions, links, exchange, media, urls, readiness };
}

/** Timers that end with the signal. Waiting for `Infinity` is never over, for 0 at once. */
const laterUntil =
  (closing: AbortSignal) =>
  (ms: number, run: () => void): void => {
    if (ms === 0) run();
    if (ms === 0 || !Number.isFinite(ms)) return;
    const timer = setTimeout(run, ms);
    closing.addEventListener('abort', () => {
      clearTimeout(timer);
    });
  };

function once(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => (running ??= run());
}
