/**
 * What the fields of the forms suggest: OXE nodes, devices and users, as the live servers know them. Numbers and names of people are among
 * them, so it needs the permission `o2g.read`. A server that isn't deployed or not connected suggests nothing, without a word.
 */
import type { NodeAPI } from 'node-red';
import { onlyObjects, type Session } from '../../../o2g';
import { nodeOf, linksOf, serversOf, type LinkNode, type ServerNode } from '../config';
import { needsPermission } from '../admin';

interface Suggestion {
  readonly value: string;
  /** With what tells it from others; it is looked for here too. */
  readonly label: string;
}

type SuggestionSource = (session: Session, RED: NodeAPI) => Promise<Suggestion[]>;

const SUGGESTION_SOURCES: Readonly<Record<string, SuggestionSource>> = {
  nodes: async (session) => {
    const { pbxs } = await session.perform('getSystemStatus', {}, undefined);
    return onlyObjects(pbxs).flatMap(({ nodeId, name = '' }) =>
      nodeId === undefined ? [] : [{ value: String(nodeId), label: `${nodeId} ${name}` }],
    );
  },
  users: async (session) => (await loginsOf(session)).map(plainSuggestion),
  devices: async (session, RED) => {
    const desiredDevices = linksOf(RED)
      .ofSession(session)
      .flatMap(({ desiredStates }) => [...desiredStates.keys()]);
    // The login of an OXE user is its main device's number.
    const mainDevices = (await loginsOf(session)).flatMap(
      (login) => /^oxe([0-9*#]+)$/.exec(login)?.[1] ?? [],
    );
    return [...new Set([...desiredDevices, ...mainDevices])].sort().map(plainSuggestion);
  },
};

/** Adds the route `GET o2g/suggestions/:kind`; `?of=` names the o2g-server or the o2g-link in question, without it all servers are. */
export function addSuggestionsRoute(RED: NodeAPI): void {
  RED.httpAdmin.get('/o2g/suggestions/:kind', needsPermission(RED, 'o2g.read'), (request, response) => {
    const name = String(request.params.kind);
    const source = Object.hasOwn(SUGGESTION_SOURCES, name) ? SUGGESTION_SOURCES[name] : undefined;
    const sessions = sessionsFor(RED, request.query.of).filter(({ session }) => session.state === 'open');
    // What a server doesn't answer isn't suggested.
    const requests = source ? sessions.map((session) => source(session, RED).catch(() => [])) : [];
    void Promise.all(requests).then((found) => {
      response.set('Cache-Control', 'no-store').json(found.flat());
    });
  });
}

async function loginsOf(session: Session): Promise<string[]> {
  const { loginNames } = await session.perform('getLogins', {}, undefined);
  return Array.isArray(loginNames) ? loginNames : [];
}

function plainSuggestion(value: string): Suggestion {
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
