// What a round costs the process that takes its events, from the first event to the last. Used in a plain process and inside Node-RED.
'use strict';

const { createHash } = require('node:crypto');
const { monitorEventLoopDelay } = require('node:perf_hooks');

/** Memory is looked at once in so many events. */
const LOOK_EVERY = 500;

exports.Meter = class Meter {
  #left = 0;
  #taken = 0;
  #check;
  #began;
  #peak = 0;
  #delay = monitorEventLoopDelay({ resolution: 1 });
  #onEnd;

  /**
   * The next round: so many events, then `onEnd` is told what they cost.
   * @param {boolean} check also makes a digest of what the events say, which costs more than they do
   */
  expect(events, check, onEnd) {
    this.#left = events;
    this.#taken = 0;
    this.#peak = 0;
    this.#check = check ? createHash('sha256') : undefined;
    this.#began = undefined;
    this.#onEnd = onEnd;
  }

  take(event) {
    // The channel's own words, or what a naive flow makes of an HTTP header.
    if (event?.eventName === undefined || event.eventName === 'OnChannelInformation') return;
    if (this.#began === undefined) this.#begin();
    this.#taken += 1;
    if (this.#check) this.#check.update(JSON.stringify(event));
    if (this.#taken % LOOK_EVERY === 0) this.#peak = Math.max(this.#peak, process.memoryUsage.rss());
    if (this.#taken === this.#left) this.#end();
  }

  #begin() {
    this.#delay.reset();
    this.#delay.enable();
    this.#began = { cpu: process.cpuUsage(), at: process.hrtime.bigint() };
  }

  #end() {
    const { user, system } = process.cpuUsage(this.#began.cpu);
    const wallUs = Number(process.hrtime.bigint() - this.#began.at) / 1000;
    this.#delay.disable();
    this.#onEnd({
      events: this.#taken,
      cpuUs: (user + system) / this.#taken,
      wallUs: wallUs / this.#taken,
      rssMb: this.#peak / 1e6,
      delayP99Ms: this.#delay.percentile(99) / 1e6,
      digest: this.#check?.digest('hex') ?? '',
    });
  }
};
