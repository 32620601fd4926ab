import type { CallHandle, CallCause, EventObject } from '../oxe';
import type { Simulator } from '../simulator-api';
import type { Representation } from '../specification';

/** A route of the control port. `{id}` in the path is handed to `run`. */
export interface Route {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** What it does, and which fields its body has. */
  readonly help: string;
  run(body: Record<string, unknown>, id: string): unknown;
}

/** Calls started through the control port, by the id that it gave them. */
type CallsById = Map<string, CallHandle>;

/** All routes: what can be seen, the steps of calls, the faults. */
export function controlRoutes(simulator: Simulator): readonly Route[] {
  const calls: CallsById = new Map();
  const routes: Route[] = [
    ...observationRoutes(simulator),
    ...callRoutes(simulator, calls),
    ...oxeRoutes(simulator),
    ...faultRoutes(simulator),
  ];
  const list = routes.map(({ method, path, help }) => `${method} ${path}: ${help}`);
  return [{ method: 'GET', path: '/', help: 'this list', run: () => list }, ...routes];
}

function observationRoutes(simulator: Simulator): Route[] {
  const get = (path: string, help: string, run: () => unknown): Route => ({ method: 'GET', path, help, run });
  return [
    get('/requests', 'all requests so far', () => simulator.requests()),
    get('/violations', 'what clients did against the specification', () => simulator.violations()),
    get('/logins', 'authentications that were tried', () => simulator.logins()),
    get('/sessions', 'open sessions', () => simulator.sessions()),
    get('/subscriptions', 'subscriptions', () => simulator.subscriptions()),
    get('/links', 'DR links with their devices', () => simulator.links()),
    get('/recordings', 'recordings in force', () => simulator.recordings()),
    get('/beeping', 'devices that are beeped', () => simulator.beeping()),
    get('/state', 'connections, channels, calls', () => ({
      openSockets: simulator.openSockets(),
      channels: simulator.channelCount(),
      calls: simulator.callCount(),
    })),
  ];
}

type Step = (call: CallHandle, body: Record<string, unknown>) => Promise<unknown>;

const actingParty = (body: Record<string, unknown>): string | undefined => optionalText(body, 'by');

/** Steps of a call, by the name of the handle's method. */
const CALL_STEPS: Readonly<Record<string, readonly [help: string, step: Step]>> = {
  ringing: ['the dialled one rings', (call) => call.ringing()],
  answered: ['{by?}', (call, body) => call.answered(actingParty(body))],
  hold: ['{by?}', (call, body) => call.hold(actingParty(body))],
  retrieve: ['{by?}', (call, body) => call.retrieve(actingParty(body))],
  transfer: ['{by?} after enquiry', (call, body) => call.transfer(actingParty(body))],
  blindTransfer: [
    '{to, by?}',
    (call, body) => call.blindTransfer(requiredText(body, 'to'), actingParty(body)),
  ],
  conference: ['{by?} after enquiry', (call, body) => call.conference(actingParty(body))],
  hangUp: [
    '{by?, cause?}',
    (call, body) => call.hangUp(actingParty(body), optionalText(body, 'cause') as CallCause | undefined),
  ],
  abandon: ['the caller gives up', (call) => call.abandon()],
  noAnswer: ['it rang long enough', (call) => call.noAnswer()],
  fails: ['{cause} after dialing', (call, body) => call.fails(requiredText(body, 'cause') as CallCause)],
  forward: ['{to}', (call, body) => call.forward(requiredText(body, 'to'))],
  redirect: ['{to}', (call, body) => call.redirect(requiredText(body, 'to'))],
  overflow: ['{to}', (call, body) => call.overflow(requiredText(body, 'to'))],
  pickUp: ['{by}', (call, body) => call.pickUp(requiredText(body, 'by'))],
  park: ['{by?}', (call, body) => call.park(actingParty(body))],
  unpark: ['{by}', (call, body) => call.unpark(requiredText(body, 'by'))],
  distribute: [
    '{to?} a call that waits at a pilot',
    (call, body) => call.distribute(optionalText(body, 'to')),
  ],
  enterDistribution: ['{pilot}', (call, body) => call.enterDistribution(requiredText(body, 'pilot'))],
  correlate: ['{data}', (call, body) => call.correlate(requiredText(body, 'data'))],
  tag: [
    '{name, value?, visibilities?}',
    (call, body) => call.tag({ ...body, name: requiredText(body, 'name') }),
  ],
};

function callRoutes(simulator: Simulator, calls: CallsById): Route[] {
  const addCall = (call: CallHandle): object => {
    for (const [id, known] of calls) if (!known.alive) calls.delete(id);
    const id = call.callRef;
    calls.set(id, call);
    return { id, ...callView(call) };
  };
  const get = (id: string): CallHandle => {
    const call = calls.get(id);
    if (!call) throw new RangeError(`there is no call ${id}`);
    return call;
  };
  return [
    {
      method: 'GET',
      path: '/calls',
      help: 'calls started here',
      run: () => [...calls].map(([id, call]) => ({ id, ...callView(call) })),
    },
    {
      method: 'POST',
      path: '/calls',
      help: '{from, to, dialing?, fails?, anonymous?, displayName?, associateData?, tags?, trunk?, acd?} starts a call',
      run: (body) =>
        addCall(simulator.call({ ...body, from: requiredText(body, 'from'), to: requiredText(body, 'to') })),
    },
    {
      method: 'POST',
      path: '/calls/{id}/enquiry',
      help: '{to, by?} holds the call and calls somebody else',
      run: async (body, id) => addCall(await get(id).enquiry(requiredText(body, 'to'), body)),
    },
    ...Object.entries(CALL_STEPS).map(([name, [help, step]]): Route => ({
      method: 'POST',
      path: `/calls/{id}/${name}`,
      help,
      run: async (body, id) => {
        await step(get(id), body);
        return { id, ...callView(get(id)) };
      },
    })),
  ];
}

const callView = (call: CallHandle): object => ({ callRef: call.callRef, parties: call.parties });

function oxeRoutes(simulator: Simulator): Route[] {
  const post = (path: string, help: string, run: Route['run']): Route => ({
    method: 'POST',
    path,
    help,
    run,
  });
  return [
    post('/events', 'any event object, sent to the subscriptions that want it', (body) =>
      simulator.emit({ ...body, eventName: requiredText(body, 'eventName') } satisfies EventObject),
    ),
    post('/devices/{id}/state', '{state: IN_SERVICE | OUT_OF_SERVICE}', (body, id) =>
      simulator.deviceState(id, requiredText(body, 'state') as Representation<'DeviceState'>['state']),
    ),
    post('/agents/{id}/state', '{mainState, subState?, …} of the agent with this login', (body, id) =>
      simulator.agentState(id, {
        ...body,
        mainState: requiredText(body, 'mainState') as Representation<'AgentState'>['mainState'],
      }),
    ),
    post('/users/{id}', '{firstName?, lastName?} changes a user', (body, id) =>
      simulator.changeUser(id, body),
    ),
  ];
}

function faultRoutes(simulator: Simulator): Route[] {
  const fault = (name: string, help: string, run: (body: Record<string, unknown>) => unknown): Route => ({
    method: 'POST',
    path: `/faults/${name}`,
    help,
    run,
  });
  return [
    fault('down', 'closes both ports, resets all connections', () => simulator.down()),
    fault('up', 'opens them again', () => simulator.up()),
    fault('restart', '{downMs?, notReadyMs?, loadingMs?} loses sessions, links, subscriptions', (body) =>
      simulator.restart(body),
    ),
    fault('notReady', 'every request gets 503 NOT_READY', () => {
      simulator.notReady();
    }),
    fault('ready', 'ends that', () => {
      simulator.ready();
    }),
    fault('nodeLoaded', '{nodeId, loaded}', (body) => {
      simulator.nodeLoaded(requiredNumber(body, 'nodeId'), body.loaded === true);
    }),
    fault('expireSession', "{channel?: 'close' | 'keep', login?}", (body) => {
      simulator.expireSession(body);
    }),
    fault('forgetLink', '{nodeId, registrationId?} without a word', (body) => {
      simulator.forgetLink(requiredNumber(body, 'nodeId'), optionalText(body, 'registrationId'));
    }),
    fault('forgetMonitor', '{deviceNumber} without a word', (body) => {
      simulator.forgetMonitor(requiredText(body, 'deviceNumber'));
    }),
    fault('forgetRecording', '{deviceNumber} without a word', (body) => {
      simulator.forgetRecording(requiredText(body, 'deviceNumber'));
    }),
    fault('rekey', '{deviceNumber} other SRTP keys without a word', (body) => {
      simulator.rekey(requiredText(body, 'deviceNumber'));
    }),
    fault('ctiLinkDown', '{nodeId, loseLinks?}', (body) => {
      simulator.ctiLinkDown(requiredNumber(body, 'nodeId'), { loseLinks: body.loseLinks === true });
    }),
    fault('ctiLinkUp', '{nodeId}', (body) => {
      simulator.ctiLinkUp(requiredNumber(body, 'nodeId'));
    }),
    fault('dropChannel', "{how?: 'reset' | 'cut' | 'clean'}", (body) => {
      simulator.dropChannel(optionalText(body, 'how') as Parameters<Simulator['dropChannel']>[0]);
    }),
    fault('silenceChannel', "{which?: 'open' | 'all'}", (body) => {
      simulator.silenceChannel(optionalText(body, 'which') as Parameters<Simulator['silenceChannel']>[0]);
    }),
    fault('unsilenceChannel', 'ends that', () => {
      simulator.unsilenceChannel();
    }),
    fault('refuseChannel', '{status, times?}', (body) => {
      simulator.refuseChannel(
        requiredNumber(body, 'status'),
        body.times === undefined ? 1 : requiredNumber(body, 'times'),
      );
    }),
    fault('refuseSubscription', '{message?} without a message it ends', (body) => {
      simulator.refuseSubscription(optionalText(body, 'message'));
    }),
    fault('writeRaw', '{text} into the open channels', (body) => {
      simulator.writeRaw(requiredText(body, 'text'));
    }),
    fault('splitChannel', '{sizes?: [bytes, …], seed?} without either it ends', (body) => {
      simulator.splitChannel(splitOption(body));
    }),
    fault('duplicateEvents', '{copies}', (body) => {
      simulator.duplicateEvents(requiredNumber(body, 'copies'));
    }),
    fault('loseEvents', '{count}', (body) => {
      simulator.loseEvents(requiredNumber(body, 'count'));
    }),
    fault(
      'answerNext',
      '{method?, path?, times?, delayMs?, status?, headers?, body?, dripMs?, hang?, reset?, execute?}',
      (body) => {
        simulator.answerNext(body);
      },
    ),
    fault('clearAnswers', 'takes back what answerNext has not used', () => {
      simulator.clearAnswers();
    }),
    fault('thinkTime', '{ms}', (body) => {
      simulator.thinkTime(requiredNumber(body, 'ms'));
    }),
    fault('resetConnections', 'resets all connections, the ports stay open', () => {
      simulator.resetConnections();
    }),
  ];
}

function splitOption(body: Record<string, unknown>): Parameters<Simulator['splitChannel']>[0] {
  if (Array.isArray(body.sizes)) return body.sizes.map(Number);
  return body.seed === undefined ? undefined : { seed: requiredNumber(body, 'seed') };
}

function requiredText(body: Record<string, unknown>, name: string): string {
  const value = body[name];
  if (typeof value !== 'string' || value === '')
    throw new RangeError(`${name} is missing: a text is expected`);
  return value;
}

const optionalText = (body: Record<string, unknown>, name: string): string | undefined =>
  body[name] === undefined ? undefined : requiredText(body, name);

function requiredNumber(body: Record<string, unknown>, name: string): number {
  const value = body[name];
  if (typeof value !== 'number') throw new RangeError(`${name} is missing: a number is expected`);
  return value;
}
