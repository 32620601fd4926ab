// Actions at a steady pace, and how long each took. Used in the benchmark's process and inside Node-RED.
'use strict';

/**
 * Begins so many actions a second, whether or not those before have ended.
 * @param act gets the action's number
 * @returns {Promise<number[]>} the milliseconds that each took
 */
exports.pace = (perSecond, actions, act) =>
  new Promise((resolve, reject) => {
    const took = [];
    const began = performance.now();
    let started = 0;
    const begin = () => {
      for (
        const due = Math.min(actions, Math.floor(((performance.now() - began) / 1000) * perSecond) + 1);
        started < due;
      ) {
        const at = performance.now();
        act(started++).then(() => {
          took.push(performance.now() - at);
          if (took.length === actions) resolve(took);
        }, reject);
      }
      if (started < actions)
        setTimeout(begin, Math.max(1, began + (started / perSecond) * 1000 - performance.now()));
    };
    begin();
  });
