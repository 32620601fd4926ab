/**
 * What the fields of the forms suggest: OXE nodes, devices and users, as the live servers know them. Numbers and names of people are among
 * them, so it needs the permission `o2g.read`. A server that isn't deployed or not connected suggests nothing, without a word.
 */
import type { NodeAPI } from 'node-red';
import { objectsIn, type Session } from '../../../o2g';
import { nodeOf, linksOf, serversOf, type LinkNode, type ServerNode } from '../config';
import { needsPermission } from '../admin';

interface Suggestion {
  readonly value: string;
  /** With what tells it from others; it is looked for here too. */
  readonly label: string;
}

type Kind = (session: Session, RED: NodeAPI) => Promise<Suggestion[]>;

const KINDS: Readonly<Record<string, Kind>> = {
  nodes: async (session) => {
    const { pbxs } = await session.call('getSystemStatus', {}, undefined);
    return objectsIn(pbxs).flatMap(({ nodeId, name = '' }) =>
      nodeId === undefined ? [] : [{ value: String(nodeId), label: `${nodeId} ${name}` }],
    );
  },
  users: async (session) => (await loginsOf(session)).map(plain),
  devices: async (session, RED) => {
    const asked = linksOf(RED)
      .on(session)
      .flatMap(({ wanted }) => [...wanted.keys()]);
    // The login of an OXE user is its main device's number.
    const main = (await loginsOf(session)).flatMap((login) => /^oxe([0-9*#]+)$/.exec(login)?.[1] ?? []);
    return [...new Set([...asked, ...main])].sort().map(plain);
  },
};

/** Adds the route `GET o2g/suggestions/:kind`; `?of=` names the o2g-server or the o2g-link in question, without it all servers are. */
export function offerSuggestions(RED: NodeAPI): void {
  RED.httpAdmin.get('/o2g/suggestions/:kind', needsPermission(RED, 'o2g.read'), (request, response) => {
    const name = String(request.params.kind);
    const kind = Object.hasOwn(KINDS, name) ? KINDS[name] : undefined;
    const sessions = sessionsFor(RED, request.query.of).filter(({ report }) => report.state === 'connected');
    // What a server doesn't answer isn't suggested.
    const asked = kind ? sessions.map((session) => kind(session, RED).catch(() => [])) : [];
    void Promise.all(asked).then((found) => {
      response.set('Cache-Control', 'no-store').json(found.flat());
    });
  });
}

async function loginsOf(session: Session): Promise<string[]> {
  const { loginNames } = await session.call('getLogins', {}, undefined);
  return Array.isArray(loginNames) ? loginNames : [];
}

function plain(value: string): Suggestion {
  return { value, label: value };
}

function sessionsFor(RED: NodeAPI, id: unknown): Session[] {
  const servers = serversOf(RED).all;
  const server = nodeOf(RED, id, 'o2g-server') as ServerNode | undefined;
  const link = nodeOf(RED, id, 'o2g-link') as LinkNode | undefined;
  const current = (node: ServerNode): Session[] => (node.session.current ? [node.session.current] : []);
  if (server) return current(server);
  if (link) return link.link.current ? [link.link.current.session] : [];
  return id === undefined || id === '' ? servers.flatMap(current) : [];
}
