import type { Faults, FaultTargets } from './types';

type LinkFaults = Pick<
  Faults,
  'forgetLink' | 'forgetMonitor' | 'forgetRecording' | 'rekey' | 'ctiLinkDown' | 'ctiLinkUp'
>;

/** Faults of the OXE and its DR links. */
export function linkFaults({ world: { links, oxe, subscriptions }, logFault }: FaultTargets): LinkFaults {
  const forgetLink = (nodeId: number, registrationId?: string): void => {
    for (const link of links.ofNode(oxe.node(nodeId).nodeId))
      if (registrationId === undefined || link.id === registrationId) links.forget(link);
    logFault(`node ${nodeId} forgot its links`);
  };
  return {
    forgetLink,
    forgetMonitor: (deviceNumber) => {
      links.forgetMonitor(deviceNumber);
      logFault(`${deviceNumber} is no longer monitored, without a word`);
    },
    forgetRecording: (deviceNumber) => {
      links.forgetRecording(deviceNumber);
      logFault(`${deviceNumber} is no longer recorded, without a word`);
    },
    rekey: (deviceNumber) => {
      links.rekey(deviceNumber);
      logFault(`${deviceNumber} has other keys, without a word`);
    },
    ctiLinkDown: (nodeId, { loseLinks = false } = {}) => {
      oxe.node(nodeId).ctiLinkUp = false;
      subscriptions.publish({ eventName: 'OnCtiLinkDown', nodeId: String(nodeId) });
      if (loseLinks) forgetLink(nodeId);
      logFault(`CTI link of node ${nodeId} is down`);
    },
    ctiLinkUp: (nodeId) => {
      oxe.node(nodeId).ctiLinkUp = true;
      subscriptions.publish({ eventName: 'OnCtiLinkUp', nodeId: String(nodeId) });
      logFault(`CTI link of node ${nodeId} is up`);
    },
  };
}
