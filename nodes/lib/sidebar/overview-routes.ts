/**
 * What the sidebar asks for and may do. Reading needs the permission `o2g.read`, for it tells numbers and users; acting needs `o2g.write`.
 * What is published to the editors goes to everybody who is logged in, so it says only that something changed.
 */
import type { NodeAPI } from 'node-red';
import { asO2GError, invalid, type Link } from '../../../o2g';
import { nodeOf, linksOf, recordersOf, refusedLinksOf, serversOf, type LinkNode } from '../config';
import { deploymentOf } from '../lifecycle';
import { Overview } from './overview';
import { needsPermission } from '../admin';
import { addSupportRoutes } from './support-routes';

/** What can be done with a link. */
const ACTIONS: Readonly<Record<string, (link: Link, device: unknown) => Promise<unknown>>> = {
  audit: (link) => link.audit(),
  stopRecord: (link, device) => link.stopRecord(readDesiredDevice(link, device)),
  stopMonitor: (link, device) => link.stopMonitor(readDesiredDevice(link, device)),
};

/** Adds `GET o2g/overview?since=REVISION` and `POST o2g/links/:id/:action?device=NUMBER`, and tells editors of changes as `o2g/changed`. */
export function addOverviewRoutes(RED: NodeAPI): void {
  const overview = new Overview((revision) => {
    RED.comms.publish('o2g/changed', { revision }, true);
  });
  const refusedLinks = refusedLinksOf(RED);
  deploymentOf(RED).onStarted(() => {
    // Servers and links find out in the same moment what they hold now.
    setImmediate(() => {
      refusedLinks.update(linksOf(RED).all);
      overview.watch(serversOf(RED).all, linksOf(RED).all, refusedLinks.all, recordersOf(RED).all);
    });
  });

  addSupportRoutes(RED, () => overview.since(undefined));

  RED.httpAdmin.get('/o2g/overview', needsPermission(RED, 'o2g.read'), (request, response) => {
    const { since } = request.query;
    response
      .set('Cache-Control', 'no-store')
      .json(overview.since(typeof since === 'string' ? since : undefined));
  });

  RED.httpAdmin.post('/o2g/links/:id/:action', needsPermission(RED, 'o2g.write'), (request, response) => {
    runAction(RED, String(request.params.id), String(request.params.action), request.query.device)
      .then(() => {
        response.status(204).end();
      })
      .catch((error: unknown) => {
        const { code, message } = asO2GError(error);
        response.status(code === 'INVALID_INPUT' ? 400 : 502).json({ code, message });
      });
  });
}

async function runAction(RED: NodeAPI, id: string, name: string, device: unknown): Promise<void> {
  const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
  if (!action) throw invalid('action', name, `one of ${Object.keys(ACTIONS).join(', ')}`);
  const link = (nodeOf(RED, id, 'o2g-link') as LinkNode | undefined)?.link.current;
  if (!link) throw invalid('link', id, 'a recorder link that is deployed and used');
  await action(link, device);
}

/** @throws O2GError `INVALID_INPUT` */
function readDesiredDevice(link: Link, device: unknown): string {
  if (typeof device !== 'string' || !link.desiredStates.has(device))
    throw invalid('device', device, 'a device that is desired on this link');
  return device;
}
