/** What the server tells of an OXE node (Maintenance, /system/status). */
import { onlyObjects, type Session } from '../session';
import { asO2GError, isSessionLoss } from '../spec';

/** Node numbers come as text in events and as numbers elsewhere. */
export function isOxeNode(nodeNumber: unknown, oxeNode: number): boolean {
  return nodeNumber === oxeNode || nodeNumber === String(oxeNode);
}

/** Events after which a node may be able to do what it was not able to before. */
export const NODE_EVENTS: ReadonlySet<string> = new Set([
  'OnCtiLinkDown',
  'OnCtiLinkUp',
  'OnPbxLoaded',
  'OnPbxLinkDown',
  'OnPbxLinkUp',
  'OnServerStart',
]);

/**
 * Whether an OXE node is connected and loaded: before that it takes no registration. True when the server doesn't say; only an administrator
 * may ask.
 * @throws O2GError when the session turns out to be lost
 */
export async function isNodeLoaded(session: Session, oxeNode: number): Promise<boolean> {
  try {
    const { pbxs } = await session.perform('getSystemStatus', {}, undefined, {
      sameSession: true,
      retry: false,
    });
    const node = onlyObjects(pbxs).find(({ nodeId }) => isOxeNode(nodeId, oxeNode));
    return node?.connected !== false && node?.loaded !== false;
  } catch (error) {
    if (isSessionLoss(error)) throw error;
    return asO2GError(error).code !== 'NOT_READY';
  }
}
