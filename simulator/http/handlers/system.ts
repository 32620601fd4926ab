import type { OxeNode } from '../../oxe';
import type { Representation } from '../../specification';
import type { World } from '../../world';
import type { Handlers } from './context';

const SERVER_VERSION = '14.7.001.000';
const SYSTEM_SERVICES = ['apache', 'flexlm', 'postgresql', 'tomcat'];

/** "Maintenance". */
export const systemHandlers: Handlers<'getSystemStatus'> = {
  getSystemStatus: ({ world }) => ({
    logicalAddress: { fqdn: 'o2g.example.com', ip: '127.0.0.1' },
    startDate: new Date(world.readiness.startedAt).toISOString(),
    ha: false,
    primary: 'o2g.example.com',
    primaryVersion: SERVER_VERSION,
    primaryServicesStatus: {
      services: SYSTEM_SERVICES.map((name) => ({ name, status: 'STARTED' })),
      globalIPAdress: '',
      drbd: '',
    },
    pbxs: [...world.oxe.nodes.values()].map((node) => pbxStatus(world, node)),
    license: license(world),
    configurationType: 'RECORDING',
  }),
};

function pbxStatus({ oxe, links }: World, node: OxeNode): Representation<'PbxStatus'> {
  return {
    name: node.name,
    nodeId: node.nodeId,
    mainAddress: { fqdn: `${node.name}.example.com`, ip: '127.0.0.1' },
    secondaryAddress: {},
    version: 'n4.513.9',
    connected: node.loaded,
    loaded: node.loaded,
    ctiLinkState: node.ctiLinkUp && node.loaded ? 'CONNECTED_MAIN' : 'DISCONNECTED',
    secured: node.secured,
    monitoredUserNumber: [...oxe.monitoredUsers].filter((user) => user.node === node).length,
    lmsConnectionStatus: false,
    drLinks: links.ofNode(node.nodeId).map((link) => links.describe(link)),
  };
}

function license({ oxe }: World): Representation<'LicenseStatus'> {
  const commonFields = { expiration: '31-dec-2099', application: true };
  return {
    type: 'FLEXLM',
    context: '',
    currentServer: 'localhost',
    status: 'NORMAL',
    statusMessage: '',
    lics: [
      { name: 'ROXE_HA', total: 1, currentUsed: 0, ...commonFields },
      {
        name: 'ROXE_API_TEL_ADVANCED',
        total: oxe.users.size,
        currentUsed: oxe.monitoredUsers.size,
        ...commonFields,
      },
    ],
  };
}
