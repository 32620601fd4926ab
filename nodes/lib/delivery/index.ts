export { tunnelsOf, type TunnelEndpoint } from './tunnels';
export { webhooksOf } from './webhook';
