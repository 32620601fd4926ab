/** Who may use an admin route. */
import type { NodeAPI } from 'node-red';

type Guard = ReturnType<NodeAPI['auth']['needsPermission']>;
/** Of an admin route. */
export type AdminRequest = Parameters<Guard>[0];
export type AdminResponse = Parameters<Guard>[1];

/**
 * Lets through who has a permission, and answers 401 to who isn't known, 403 to who lacks it. Node-RED's own guard answers 401 to both, and a
 * browser would ask for a login that changes nothing.
 */
export function needsPermission(RED: NodeAPI, permission: string): Guard {
  const requireLogin = RED.auth.needsPermission('');
  const requirePermission = RED.auth.needsPermission(permission);
  return (request, response, next) => {
    requireLogin(request, response, () => {
      const status = response.status.bind(response);
      // Who is known by now is refused for lack of the permission only.
      response.status = (code) => status(code === 401 ? 403 : code);
      requirePermission(request, response, () => {
        response.status = status;
        next();
      });
    });
  };
}
