export { HttpTransport, type TlsOptions } from './http-transport';
export type { Answer, Call, ChannelListener, Transport } from './transport';
