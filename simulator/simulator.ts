import { setMaxListeners } from 'node:events';
import { Exchange, Oxe } from './oxe';
import { startControl } from './control';
import { EventsPort, Overrides, Rest, Listener } from './http';
import { Expectations, Journal } from './journal';
import { faultsOf } from './faults';
import { DrLinks, RtpPlayer } from './recording';
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
  const timing = { thinkMs: 0, closing: closing.signal };
  const restListener: Listener = new Listener(settings, settings.port, (request, response) => {
    rest.handle(request, response);
  });
  const eventsListener: Listener = new Listener(settings, settings.eventPort, (request, response) => {
    eventsPort.handle(request, response);
  });
  const world = makeWorld(settings, journal, restListener, eventsListener);
  const rest = new Rest(world, overrides, timing, (request) => {
    restListener.reset(request);
  });
  const eventsPort = new EventsPort(world, overrides, (request) => {
    eventsListener.reset(request);
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
    world.rtpPlayer.close();
    await Promise.all(opened.map((listener) => listener.down()));
    expectations.close();
  });
  const logFault = (description: string): void => {
    journal.log(`fault: ${description}`);
    journal.notifyChange();
  };
  const parts = {
    login: settings.login,
    password: settings.password,
    close,
    ...telephonyOf(world, stoppers),
    ...observationOf({ world, listeners: [restListener, eventsListener], eventsPort, expectations }),
    ...faultsOf({
      world,
      restListener,
      eventsListener,
      eventsPort,
      overrides,
      timing,
      logFault,
      schedule: schedulerUntil(closing.signal),
    }),
    announce: (urls: AnnouncedUrls) => {
      world.urls.announced = urls;
    },
  };
  return openPorts(parts, settings, restListener, eventsListener, opened).catch(async (error: unknown) => {
    await close();
    throw error;
  });
}

type AddressKey = 'url' | 'port' | 'eventPort' | 'controlUrl';

/** Opens the ports one after the other; `opened` tells how far it came. */
async function openPorts(
  parts: Omit<Simulator, AddressKey>,
  settings: Settings,
  restListener: Listener,
  eventsListener: Listener,
  opened: Listener[],
): Promise<Simulator> {
  for (const listener of [restListener, eventsListener]) {
    await listener.up();
    opened.push(listener);
  }
  const url = `${settings.tls ? 'https' : 'http'}://${settings.host.includes(':') ? `[${settings.host}]` : settings.host}:${restListener.port}`;
  const simulator = {
    ...parts,
    url,
    port: restListener.port,
    eventPort: eventsListener.port,
    controlUrl: undefined as string | undefined,
  };
  if (settings.controlPort !== undefined) {
    const control = await startControl(simulator, settings.controlPort);
    opened.push(control);
    simulator.controlUrl = `http://127.0.0.1:${control.port}`;
  }
  return simulator;
}

function makeWorld(
  settings: Settings,
  journal: Journal,
  restListener: Listener,
  eventsListener: Listener,
): World {
  const oxe = new Oxe(settings);
  const subscriptions = new Subscriptions(settings.queueSize);
  const log = (line: string): void => {
    journal.log(line);
  };
  const publish = subscriptions.publish.bind(subscriptions);
  const rtpPlayer = new RtpPlayer(settings, log);
  const links = new DrLinks({ oxe, rtpPlayer, settings, publish, log });
  const sessions = new Sessions(settings, oxe, (session, reason) => {
    const subscription = subscriptions.ofSession(session.credential.token);
    if (subscription) subscriptions.remove(subscription, 'clean');
    if (!settings.linksOutliveSessions) links.unregisterOfSession(session.credential.token);
    journal.log(`session of ${session.login} ended: ${reason}`);
    journal.notifyChange();
  });
  const exchange = new Exchange(oxe, {
    publish,
    mediaChanged: (device) => {
      rtpPlayer.deviceChanged(device);
    },
  });
  const urls = new Urls(
    {
      secure: settings.tls !== undefined,
      host: settings.host,
      restPort: () => restListener.port,
      eventPort: () => eventsListener.port,
    },
    settings.announce,
  );
  const readiness = {
    ready: true,
    startedAt: Date.now(),
    subscriptionRefusal: undefined,
    serverStartWebhooks: new Set<string>(),
  };
  return { settings, journal, oxe, sessions, subscriptions, links, exchange, rtpPlayer, urls, readiness };
}

/** Timers that end with the signal. Waiting for `Infinity` is never over, for 0 at once. */
const schedulerUntil =
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
