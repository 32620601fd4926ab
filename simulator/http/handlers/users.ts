import { userInfo, type OxeUser } from '../../oxe';
import { Refusal, violation } from '../../specification';
import { notFound, monitoredUser, type Handlers } from './context';

/** "User information": who is monitored. */
export const userHandlers: Handlers<'getLogins' | 'findUser' | 'getUser'> = {
  getLogins: ({ world: { oxe }, session, query }) => {
    if (session.user) {
      if (Object.keys(query).length > 0)
        throw new Refusal(403, 'NOT_ALLOWED', 'Search criteria can only be used by an administrator');
      return { loginNames: [session.user.login] };
    }
    const nodeIds = query.nodeIds === undefined ? undefined : parseNodeIds(query.nodeIds);
    const found = [...oxe.monitoredUsers].filter(
      (user) =>
        (nodeIds?.has(user.node.nodeId) ?? true) &&
        (query.onlyACD === undefined || user.agent !== undefined) &&
        (query.onlyWithExtLogin === undefined || user.externalLogin !== undefined),
    );
    return { loginNames: found.map(({ login }) => login) };
  },

  findUser: (context) => {
    const { companyPhone } = context.query;
    if (companyPhone === undefined)
      throw violation(400, 'BAD_PARAMETER', 'A query parameter is needed: companyPhone');
    const user = context.world.oxe.devices.get(companyPhone)?.user;
    if (!user) throw notFound(context, `There is no user with the company phone ${companyPhone}`);
    return visibleUserInfo(monitoredUser(context, user.login), context.session.user);
  },

  getUser: (context) =>
    visibleUserInfo(monitoredUser(context, context.parameters.loginName ?? ''), context.session.user),
};

/** One node number or several with commas; the published clients separate with semicolons. */
function parseNodeIds(text: string): Set<number> {
  const parts = text.split(/[,;]/);
  if (!parts.every((part) => /^\d+$/.test(part.trim()))) {
    throw violation(
      400,
      'BAD_PARAMETER',
      `nodeIds must be one OXE nodeId or a comma separated list of them, ${text} given`,
    );
  }
  return new Set(parts.map(Number));
}

const visibleUserInfo = (user: OxeUser, requester: OxeUser | undefined): ReturnType<typeof userInfo> =>
  userInfo(user, requester === undefined || requester === user);
