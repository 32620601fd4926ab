/**
 * Mean opinion score from the E-model (ITU-T G.107) for G.711 (G.113: Ie 0, Bpl 25.1 with concealment as telephones have it).
 * The recorder doesn't know the delay between the two persons, so only loss and jitter count: an estimate of this leg.
 */
const BASE_R_FACTOR = 93.2;
const PACKET_LOSS_ROBUSTNESS = 25.1;

/**
 * @param lossPercent 0..100, lost and late packets
 * @param jitterMs taken as the delay of a buffer of twice its length
 * @returns 1..4.5
 */
export function meanOpinionScore(lossPercent: number, jitterMs: number): number {
  const delayMs = 20 + 2 * jitterMs;
  const delay = 0.024 * delayMs + (delayMs > 177.3 ? 0.11 * (delayMs - 177.3) : 0);
  const equipment = (95 * lossPercent) / (lossPercent + PACKET_LOSS_ROBUSTNESS);
  const r = Math.max(0, Math.min(100, BASE_R_FACTOR - delay - equipment));
  const mos = 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6;
  return Math.round(Math.max(1, Math.min(4.5, mos)) * 100) / 100;
}
