export { HttpTransport, type TlsOptions } from './http-transport';
export type { HttpResponse, HttpRequest, ChannelListener, Transport } from './transport';
