/** An event as the server sent it. Its fields are those of the representation of its name; a newer server may add some. */
export interface O2GEvent {
  readonly eventName: string;
  readonly loginName?: string;
  readonly [field: string]: unknown;
}

/** True for an object with an `eventName`. */
export function isEvent(value: unknown): value is O2GEvent {
  return (
    typeof value === 'object' && value !== null && 'eventName' in value && typeof value.eventName === 'string'
  );
}
