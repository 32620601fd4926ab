/** Phones in a process of their own: one stream of G.711 in packets of 20 ms, the same to all the ports it is told, in time. */
import { createSocket } from 'node:dgram';
import { PACKET_MS, RtpPacketizer } from '../../simulator/recording/rtp';
import { SrtpSender } from '../../simulator/recording/srtp';
import { loopOf, voiceOf } from '../../simulator/recording/voice';

/** What is sent: so many packets to each port, encrypted if there are keys. */
export interface Sending {
  readonly ports: readonly number[];
  readonly packets: number;
  /** Base64. */
  readonly keys?: { readonly key: string; readonly salt: string } | undefined;
}

const PCMA = 8;
const socket = createSocket('udp4');

async function send({ ports, packets, keys }: Sending): Promise<void> {
  const srtp =
    keys &&
    new SrtpSender({ key: Buffer.from(keys.key, 'base64'), salt: Buffer.from(keys.salt, 'base64') }, true);
  const stream = new RtpPacketizer(PCMA, srtp);
  const voice = loopOf([voiceOf('70000'), voiceOf('70001')], 'A');
  const start = performance.now();
  for (let sent = 0; sent < packets; sent += 1) {
    const wait = start + sent * PACKET_MS - performance.now();
    if (wait > 0)
      await new Promise((resolve) => {
        setTimeout(resolve, wait);
      });
    const packet = stream.next(voice[sent % voice.length] ?? Buffer.alloc(0));
    const gone = ports.map(
      (port) =>
        new Promise<void>((resolve, reject) => {
          socket.send(packet, port, '127.0.0.1', (error) => {
            if (error) reject(error);
            else resolve();
          });
        }),
    );
    await Promise.all(gone);
  }
}

process.on('message', (sending: Sending) => {
  void send(sending).then(() => {
    process.send?.({ told: 'sent' });
  });
});
process.on('disconnect', () => process.exit());
