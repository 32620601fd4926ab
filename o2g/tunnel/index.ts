export { AgentListener } from './agent-listener';
export { Agent, type AgentOptions } from './agent';
export { DEFAULT_FORMAT, readFormat, type TunnelFormat } from './message-format';
export { TunnelTransport } from './tunnel-transport';
