import type { DrLink, MasterKeys } from '../../recording';
import type { OxeNode } from '../../oxe';
import type { SrtpOptions } from '../../settings';
import { Refusal, violation, type Representation } from '../../specification';
import type { RequestContext, Handlers } from './context';

type IpRecordOperation =
  | 'getLinks'
  | 'registerLink'
  | 'unregisterLink'
  | 'startBeep'
  | 'stopBeep'
  | 'startMonitor'
  | 'stopMonitor'
  | 'startRecord'
  | 'stopRecord'
  | 'startTdmRecord';

/** "Voice Recording": links, and what is monitored, recorded and beeped on them. */
export const ipRecordHandlers: Handlers<IpRecordOperation> = {
  getLinks: (context) => {
    const { links } = context.world;
    return { drLinks: links.ofNode(requestedNode(context).nodeId).map((link) => links.describe(link)) };
  },

  registerLink: (context) => {
    const link = context.world.links.register(
      requestedNode(context),
      context.credential.token,
      context.body.type,
      context.body.secured,
    );
    return { registrationId: link.id, secure: link.secure };
  },

  unregisterLink: (context) => {
    context.world.links.unregister(requestedLink(context), 'unregistered');
    return undefined;
  },

  startMonitor: (context) => {
    const device = context.world.links.monitor(requestedLink(context), context.body.deviceNumber);
    return { userId: device.user.login };
  },

  stopMonitor: (context) => {
    context.world.links.unmonitor(requestedLink(context), requestedDeviceNumber(context));
    return undefined;
  },

  startRecord: (context) => {
    const { keys } = context.world.links.recordIp(requestedLink(context), context.body);
    return keys ? encodeKeys(keys, context.world.settings.srtp) : {};
  },

  stopRecord: (context) => {
    context.world.links.stopRecord(requestedLink(context), requestedDeviceNumber(context));
    return undefined;
  },

  startTdmRecord: (context) => {
    context.world.links.recordTdm(requestedLink(context), context.body);
    return undefined;
  },

  startBeep: (context) => {
    context.world.links.beep(requestedLink(context), context.body);
    return undefined;
  },

  stopBeep: (context) => {
    context.world.links.stopBeep(requestedLink(context), requestedDeviceNumber(context));
    return undefined;
  },
};

/** The node of the path. @throws Refusal 400 for no number, 404 for no node, 503 while it is not connected and loaded */
function requestedNode({ world: { oxe }, parameters }: RequestContext<IpRecordOperation>): OxeNode {
  const text = parameters.nodeId ?? '';
  if (!/^\d{1,9}$/.test(text)) throw violation(400, 'BAD_PARAMETER', `nodeId must be an int, ${text} given`);
  const node = oxe.nodes.get(Number(text));
  if (!node) throw new Refusal(404, 'NOT_FOUND', `There is no OXE node ${text}`);
  if (!node.loaded) throw new Refusal(503, 'NOT_READY', `OXE node ${text} is not connected and loaded yet`);
  return node;
}

const requestedLink = (context: RequestContext<IpRecordOperation>): DrLink =>
  context.world.links.find(requestedNode(context).nodeId, context.parameters.registerId ?? '');

const requestedDeviceNumber = ({ parameters }: RequestContext<IpRecordOperation>): string =>
  parameters.deviceNumber ?? '';

const encodeKeys = (
  { key, salt }: MasterKeys,
  { encoding }: SrtpOptions,
): Representation<'RecordingSrtpKeys'> => ({
  key: key.toString(encoding),
  salt: salt.toString(encoding),
});
