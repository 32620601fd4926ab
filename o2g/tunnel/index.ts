export { TunnelDoor } from './agent-listener';
export { Agent, type AgentOptions } from './agent';
export { DEFAULT_FORMAT, readFormat, type TunnelFormat } from './message-format';
export { Tunnel } from './tunnel-transport';
