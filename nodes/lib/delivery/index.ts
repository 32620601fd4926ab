export { tunnelsOf, type TunnelPlace } from './tunnels';
export { webhooksOf } from './webhook';
