import type { O2GEvent } from '../../../o2g/spec/event';
import { colleague, created, modified, outside, OUTSIDE, removed, secret, USER } from './support';

/** Events, one a second, and the changes that they make by the rules of the contract, a line each. */
export interface Story {
  readonly name: string;
  readonly events: readonly O2GEvent[];
  readonly lines: readonly string[];
  /** Its states are none that a snapshot could tell. */
  readonly unclear?: true;
}

const OTHER = 'oxe70130';
const talking = (callRef: string): O2GEvent[] => [
  created(callRef, 'RINGING_INCOMING'),
  modified(callRef, 'ACTIVE'),
];
const TALKING = [`${USER} A started ringing [${OUTSIDE}]`, `${USER} A answered [${OUTSIDE}]`];
/** A call from outside is held while the user talks to a colleague. */
const enquiry: O2GEvent[] = [
  ...talking('A'),
  modified('A', 'HELD'),
  created('B', 'RINGING_OUTGOING', { with: [colleague('70130')], fields: { initiator: '70120' } }),
  modified('B', 'ACTIVE'),
];
const ENQUIRY = [
  ...TALKING,
  `${USER} A held [${OUTSIDE}]`,
  `${USER} B started dialing [70130]`,
  `${USER} B answered [70130]`,
];

const plain: Story[] = [
  {
    name: 'an incoming call: rings, is answered, is released, is removed',
    events: [
      ...talking('A'),
      modified('A', 'RELEASING', { fields: { removedParticipantIds: [OUTSIDE] } }),
      removed('A'),
    ],
    lines: [...TALKING, `${USER} A ended [${OUTSIDE}]`],
  },
  {
    name: 'an outgoing call: dials, hears it ring, is answered',
    events: [
      created('A', 'DIALING', { with: [] }),
      modified('A', 'RINGING_OUTGOING', { fields: { addedParticipants: [outside()] } }),
      modified('A', 'ACTIVE'),
      removed('A', { fields: { cause: 'CLEARED' } }),
    ],
    lines: [
      `${USER} A started dialing []`,
      `${USER} A parties dialing [${OUTSIDE}]`,
      `${USER} A answered [${OUTSIDE}]`,
      `${USER} A ended [${OUTSIDE}] CLEARED`,
    ],
  },
  {
    name: 'a call that the caller gives up',
    events: [
      created('A', 'RINGING_INCOMING'),
      modified('A', 'RELEASING', { fields: { cause: 'ABANDONED' } }),
      removed('A'),
    ],
    lines: [`${USER} A started ringing [${OUTSIDE}]`, `${USER} A ended [${OUTSIDE}] ABANDONED`],
  },
  {
    name: 'a call to somebody busy, the cause told before the end only',
    events: [
      created('A', 'DIALING'),
      modified('A', 'DIALING', { fields: { cause: 'BUSY' } }),
      modified('A', 'RELEASING'),
      removed('A'),
    ],
    lines: [`${USER} A started dialing [${OUTSIDE}]`, `${USER} A ended [${OUTSIDE}] BUSY`],
  },
  {
    name: 'a call back to somebody busy, who answers then: the failure is forgotten',
    events: [
      created('A', 'DIALING'),
      modified('A', 'DIALING', { fields: { cause: 'BUSY' } }),
      modified('A', 'ACTIVE'),
      removed('A'),
    ],
    lines: [
      `${USER} A started dialing [${OUTSIDE}]`,
      `${USER} A answered [${OUTSIDE}]`,
      `${USER} A ended [${OUTSIDE}]`,
    ],
  },
  {
    name: 'hold and retrieve',
    events: [
      ...talking('A'),
      modified('A', 'HELD'),
      modified('A', 'ACTIVE'),
      modified('A', 'RELEASING'),
      removed('A'),
    ],
    lines: [
      ...TALKING,
      `${USER} A held [${OUTSIDE}]`,
      `${USER} A retrieved [${OUTSIDE}]`,
      `${USER} A ended [${OUTSIDE}]`,
    ],
  },
  {
    name: 'a held call that rings back is retrieved, not answered',
    events: [
      ...talking('A'),
      modified('A', 'HELD'),
      modified('A', 'RINGING_INCOMING', { fields: { cause: 'RECALL' } }),
      modified('A', 'ACTIVE'),
      removed('A'),
    ],
    lines: [
      ...TALKING,
      `${USER} A held [${OUTSIDE}]`,
      `${USER} A retrieved [${OUTSIDE}]`,
      `${USER} A ended [${OUTSIDE}]`,
    ],
  },
  {
    name: 'forwarding: it ends where it rang and goes on elsewhere',
    events: [
      created('A', 'RINGING_INCOMING'),
      removed('A', { fields: { cause: 'FORWARDED', newDestination: '70130' } }),
      created('A', 'RINGING_INCOMING', {
        of: OTHER,
        data: { initialCalled: { id: { phoneNumber: '70120' } } },
        fields: { cause: 'FORWARDED' },
      }),
      removed('A', { of: OTHER, fields: { cause: 'ABANDONED' } }),
    ],
    lines: [
      `${USER} A started ringing [${OUTSIDE}]`,
      `${USER} A ended [${OUTSIDE}] FORWARDED`,
      `${OTHER} A started ringing [${OUTSIDE}] FORWARDED`,
      `${OTHER} A ended [${OUTSIDE}] ABANDONED`,
    ],
  },
  {
    name: 'redirection as the caller sees it: another party',
    events: [
      created('A', 'RINGING_OUTGOING', { with: [colleague('70130')] }),
      modified('A', 'RINGING_OUTGOING', {
        fields: {
          cause: 'REDIRECTED',
          addedParticipants: [colleague('70140')],
          removedParticipantIds: ['70130'],
        },
      }),
      modified('A', 'ACTIVE'),
      removed('A'),
    ],
    lines: [
      `${USER} A started dialing [70130]`,
      `${USER} A parties dialing [70140] REDIRECTED`,
      `${USER} A answered [70140]`,
      `${USER} A ended [70140]`,
    ],
  },
  {
    name: 'pickup: ended for the one who rang, talking at once for the one who took it, answered by another for the caller',
    events: [
      created('A', 'RINGING_OUTGOING', { with: [colleague('70130')] }),
      created('A', 'RINGING_INCOMING', { of: OTHER, with: [colleague('70120')] }),
      modified('A', 'RELEASING', {
        of: OTHER,
        fields: { cause: 'PICKED_UP', removedParticipantIds: ['70120'] },
      }),
      removed('A', { of: OTHER, fields: { cause: 'PICKED_UP', newDestination: '70140' } }),
      created('A', 'ACTIVE', { of: 'oxe70140', with: [colleague('70120')], fields: { cause: 'PICKED_UP' } }),
      modified('A', 'ACTIVE', {
        fields: {
          cause: 'PICKED_UP',
          addedParticipants: [colleague('70140')],
          removedParticipantIds: ['70130'],
        },
      }),
      removed('A', { of: 'oxe70140' }),
      removed('A'),
    ],
    lines: [
      `${USER} A started dialing [70130]`,
      `${OTHER} A started ringing [70120]`,
      `${OTHER} A ended [70120] PICKED_UP`,
      'oxe70140 A started talking [70120] PICKED_UP',
      `${USER} A answered [70140] PICKED_UP`,
      `${USER} A parties talking [70140] PICKED_UP`,
      'oxe70140 A ended [70120]',
      `${USER} A ended [70140]`,
    ],
  },
  {
    name: 'park: ended for the one who parks, held for the one who waits, taken by a third',
    events: [
      created('A', 'ACTIVE', { with: [colleague('70130')] }),
      created('A', 'ACTIVE', { of: OTHER, with: [colleague('70120')] }),
      modified('A', 'RELEASING', { fields: { cause: 'PARKED' } }),
      removed('A', { fields: { cause: 'PARKED' } }),
      modified('A', 'HELD', { of: OTHER, fields: { cause: 'PARKED', removedParticipantIds: ['70120'] } }),
      modified('A', 'ACTIVE', { of: OTHER, fields: { addedParticipants: [colleague('70140')] } }),
      removed('A', { of: OTHER }),
    ],
    lines: [
      `${USER} A started talking [70130]`,
      `${OTHER} A started talking [70120]`,
      `${USER} A ended [70130] PARKED`,
      `${OTHER} A held [] PARKED`,
      `${OTHER} A parties held [] PARKED`,
      `${OTHER} A retrieved [70140]`,
      `${OTHER} A parties talking [70140]`,
      `${OTHER} A ended [70140]`,
    ],
  },
  {
    name: 'distribution: a call from the queue',
    events: [
      created('A', 'RINGING_INCOMING', { fields: { cause: 'DISTRIBUTED' } }),
      modified('A', 'ACTIVE'),
      removed('A'),
    ],
    lines: [
      `${USER} A started ringing [${OUTSIDE}] DISTRIBUTED`,
      `${USER} A answered [${OUTSIDE}]`,
      `${USER} A ended [${OUTSIDE}]`,
    ],
  },
  {
    name: 'a party who keeps the number secret',
    events: [
      created('A', 'RINGING_INCOMING', { with: [secret('s1')] }),
      modified('A', 'ACTIVE'),
      removed('A'),
    ],
    lines: [`${USER} A started ringing []`, `${USER} A answered []`, `${USER} A ended []`],
  },
  {
    name: 'a participant told better later, and again without a name',
    events: [
      created('A', 'ACTIVE', { with: [{ participantId: 'p1' }] }),
      modified('A', 'ACTIVE', {
        fields: {
          modifiedParticipants: [
            { participantId: 'p1', identity: { id: { phoneNumber: '70130' }, firstName: 'Zoë' } },
          ],
        },
      }),
      modified('A', 'ACTIVE', {
        fields: {
          modifiedParticipants: [{ participantId: 'p1', identity: { id: { phoneNumber: '70130' } } }],
        },
      }),
      modified('A', 'ACTIVE', {
        fields: { modifiedParticipants: [{ participantId: 'p1', state: 'ACTIVE' }] },
      }),
      removed('A'),
    ],
    lines: [`${USER} A started talking []`, `${USER} A parties talking [70130]`, `${USER} A ended [70130]`],
  },
  {
    name: 'states, causes and types that the specification does not know',
    events: [
      created('A', 'RINGING_INCOMING', {
        with: [{ participantId: 'p', identity: { id: { phoneNumber: '1' }, type: { main: 'ROBOT' } } }],
        fields: { cause: 'CAMP_ON' },
      }),
      modified('A', 'TELEPORTING'),
      modified('A', 'UNKNOWN'),
      modified('A', 'IDLE'),
      modified('A', 'ACTIVE'),
      removed('A', { fields: { cause: 'BEAMED_UP' } }),
    ],
    lines: [
      `${USER} A started ringing [1] CAMP_ON`,
      `${USER} A answered [1]`,
      `${USER} A ended [1] BEAMED_UP`,
    ],
    unclear: true,
  },
];

const composed: Story[] = [
  {
    name: 'enquiry and back again',
    events: [...enquiry, modified('B', 'RELEASING'), removed('B'), modified('A', 'ACTIVE'), removed('A')],
    lines: [
      ...ENQUIRY,
      `${USER} B ended [70130]`,
      `${USER} A retrieved [${OUTSIDE}]`,
      `${USER} A ended [${OUTSIDE}]`,
    ],
  },
  {
    name: 'supervised transfer: both calls of the one who transfers end, that of the other goes on',
    events: [
      ...enquiry,
      created('B', 'ACTIVE', { of: OTHER, with: [colleague('70120')] }),
      modified('A', 'RELEASING', {
        fields: { cause: 'TRANSFERRED', replacedByCallRef: 'C', removedParticipantIds: [OUTSIDE] },
      }),
      removed('A', { fields: { cause: 'TRANSFERRED' } }),
      modified('B', 'RELEASING', {
        fields: { cause: 'TRANSFERRED', replacedByCallRef: 'C', removedParticipantIds: ['70130'] },
      }),
      removed('B', { fields: { cause: 'TRANSFERRED' } }),
      modified('C', 'ACTIVE', {
        of: OTHER,
        fields: {
          cause: 'TRANSFERRED',
          previousCallRef: 'B',
          addedParticipants: [outside()],
          removedParticipantIds: ['70120'],
        },
      }),
      removed('C', { of: OTHER }),
    ],
    lines: [
      ...ENQUIRY,
      `${OTHER} B started talking [70120]`,
      `${USER} A ended [${OUTSIDE}] TRANSFERRED`,
      `${USER} B ended [70130] TRANSFERRED`,
      `${OTHER} B=C parties talking [${OUTSIDE}] TRANSFERRED`,
      `${OTHER} B=C ended [${OUTSIDE}]`,
    ],
  },
  {
    name: 'a transfer that no event calls so, only replacedByCallRef',
    events: [
      ...enquiry,
      modified('A', 'RELEASING', { fields: { replacedByCallRef: 'C' } }),
      removed('A'),
      modified('B', 'RELEASING', { fields: { replacedByCallRef: 'C' } }),
      removed('B'),
    ],
    lines: [...ENQUIRY, `${USER} A ended [${OUTSIDE}] TRANSFERRED`, `${USER} B ended [70130] TRANSFERRED`],
  },
  {
    name: 'a transfer whose OnCallRemoved says less than its release',
    events: [
      ...talking('A'),
      modified('A', 'RELEASING', { fields: { cause: 'TRANSFERRED' } }),
      removed('A', { fields: { cause: 'CLEARED' } }),
    ],
    lines: [...TALKING, `${USER} A ended [${OUTSIDE}] TRANSFERRED`],
  },
  {
    name: 'blind transfer as the transferred user sees it: it rings elsewhere, then somebody else answers',
    events: [
      ...talking('A'),
      modified('C', 'RINGING_OUTGOING', {
        fields: {
          cause: 'TRANSFERRED',
          previousCallRef: 'A',
          addedParticipants: [colleague('70130')],
          removedParticipantIds: [OUTSIDE],
        },
      }),
      modified('C', 'ACTIVE'),
      removed('C'),
    ],
    lines: [
      ...TALKING,
      `${USER} A=C parties dialing [70130] TRANSFERRED`,
      `${USER} A=C answered [70130]`,
      `${USER} A=C ended [70130]`,
    ],
  },
  {
    name: 'transfer of a call that still rings: the id stays, it is answered later',
    events: [
      created('B', 'RINGING_INCOMING', { with: [colleague('70120')], of: OTHER }),
      modified('C', 'RINGING_INCOMING', {
        of: OTHER,
        fields: {
          cause: 'TRANSFERRED',
          previousCallRef: 'B',
          addedParticipants: [outside()],
          removedParticipantIds: ['70120'],
        },
      }),
      modified('C', 'ACTIVE', { of: OTHER }),
      removed('C', { of: OTHER }),
    ],
    lines: [
      `${OTHER} B started ringing [70120]`,
      `${OTHER} B=C parties ringing [${OUTSIDE}] TRANSFERRED`,
      `${OTHER} B=C answered [${OUTSIDE}]`,
      `${OTHER} B=C ended [${OUTSIDE}]`,
    ],
  },
  {
    name: 'conference: the enquiry goes on as the conference, the held call is merged, parties leave',
    events: [
      ...enquiry,
      modified('C', 'ACTIVE', {
        fields: { cause: 'CONFERENCED', previousCallRef: 'B', addedParticipants: [outside()] },
      }),
      modified('A', 'RELEASING', {
        fields: { cause: 'CONFERENCED', replacedByCallRef: 'C', removedParticipantIds: [OUTSIDE] },
      }),
      removed('A', { fields: { cause: 'CONFERENCED' } }),
      modified('C', 'ACTIVE', { fields: { cause: 'PARTICIPANT_LEFT', removedParticipantIds: ['70130'] } }),
      modified('C', 'RELEASING'),
      removed('C'),
    ],
    lines: [
      ...ENQUIRY,
      `${USER} B=C parties talking [70130 ${OUTSIDE}] CONFERENCED`,
      `${USER} A ended [${OUTSIDE}] CONFERENCED`,
      `${USER} B=C parties talking [${OUTSIDE}] PARTICIPANT_LEFT`,
      `${USER} B=C ended [${OUTSIDE}]`,
    ],
  },
  {
    name: 'conference told the other way round: released first, replaced then',
    events: [
      ...enquiry,
      modified('A', 'RELEASING', { fields: { cause: 'CONFERENCED', replacedByCallRef: 'C' } }),
      modified('C', 'ACTIVE', {
        fields: { cause: 'CONFERENCED', previousCallRef: 'B', addedParticipants: [outside()] },
      }),
      removed('A'),
      removed('C'),
    ],
    lines: [
      ...ENQUIRY,
      `${USER} B=C parties talking [70130 ${OUTSIDE}] CONFERENCED`,
      `${USER} A ended [${OUTSIDE}] CONFERENCED`,
      `${USER} B=C ended [70130 ${OUTSIDE}]`,
    ],
  },
  {
    name: 'conference that replaces both calls: the second replacement ends the merged one',
    events: [
      ...enquiry,
      modified('C', 'ACTIVE', { fields: { previousCallRef: 'B', addedParticipants: [outside()] } }),
      modified('C', 'ACTIVE', { fields: { previousCallRef: 'A' } }),
      removed('C'),
    ],
    lines: [
      ...ENQUIRY,
      `${USER} B=C parties talking [70130 ${OUTSIDE}]`,
      `${USER} A ended [${OUTSIDE}] CONFERENCED`,
      `${USER} B=C ended [70130 ${OUTSIDE}]`,
    ],
  },
  {
    name: 'conference whose merged call is removed without a word',
    events: [
      ...enquiry,
      modified('C', 'ACTIVE', { fields: { previousCallRef: 'B', addedParticipants: [outside()] } }),
      removed('A'),
      removed('C'),
    ],
    lines: [
      ...ENQUIRY,
      `${USER} B=C parties talking [70130 ${OUTSIDE}]`,
      `${USER} A ended [${OUTSIDE}] CONFERENCED`,
      `${USER} B=C ended [70130 ${OUTSIDE}]`,
    ],
  },
  {
    name: 'the held call becomes the conference: it is joined, not retrieved',
    events: [
      ...enquiry,
      modified('A', 'ACTIVE', { fields: { cause: 'CONFERENCED', addedParticipants: [colleague('70130')] } }),
      modified('B', 'RELEASING', { fields: { replacedByCallRef: 'A' } }),
      removed('B'),
      removed('A'),
    ],
    lines: [
      ...ENQUIRY,
      `${USER} A parties talking [${OUTSIDE} 70130] CONFERENCED`,
      `${USER} B ended [70130] CONFERENCED`,
      `${USER} A ended [${OUTSIDE} 70130]`,
    ],
  },
  {
    name: 'hold and retrieve of a conference, whose every event says CONFERENCED',
    events: [
      created('A', 'ACTIVE'),
      modified('A', 'HELD', { fields: { cause: 'CONFERENCED' } }),
      modified('A', 'ACTIVE', { fields: { cause: 'CONFERENCED' } }),
      removed('A'),
    ],
    lines: [
      `${USER} A started talking [${OUTSIDE}]`,
      `${USER} A held [${OUTSIDE}] CONFERENCED`,
      `${USER} A retrieved [${OUTSIDE}] CONFERENCED`,
      `${USER} A ended [${OUTSIDE}]`,
    ],
  },
  {
    name: 'a new callRef and nothing else is told once',
    events: [...talking('A'), modified('C', 'ACTIVE', { fields: { previousCallRef: 'A' } }), removed('C')],
    lines: [...TALKING, `${USER} A=C parties talking [${OUTSIDE}]`, `${USER} A=C ended [${OUTSIDE}]`],
  },
  {
    name: 'a callRef released and replaced before it is removed goes on: OnCallRemoved finds nobody',
    events: [
      ...talking('A'),
      modified('A', 'RELEASING', { fields: { replacedByCallRef: 'C' } }),
      created('C', 'ACTIVE', { with: [colleague('70130')] }),
      removed('A'),
      removed('C'),
    ],
    lines: [...TALKING, `${USER} A=C parties talking [70130]`, `${USER} A=C ended [70130]`],
  },
  {
    name: 'calls of two users with the same callRef are two calls',
    events: [
      created('A', 'RINGING_OUTGOING', { with: [colleague('70130')] }),
      created('A', 'RINGING_INCOMING', { of: OTHER, with: [colleague('70120')] }),
      modified('A', 'ACTIVE', { of: OTHER }),
      modified('A', 'ACTIVE'),
      removed('A'),
      removed('A', { of: OTHER }),
    ],
    lines: [
      `${USER} A started dialing [70130]`,
      `${OTHER} A started ringing [70120]`,
      `${OTHER} A answered [70120]`,
      `${USER} A answered [70130]`,
      `${USER} A ended [70130]`,
      `${OTHER} A ended [70120]`,
    ],
  },
];

const afterGap: Story[] = [
  {
    name: 'a call first seen ACTIVE is talking, and was not answered',
    events: [modified('A', 'ACTIVE'), modified('A', 'HELD'), modified('A', 'ACTIVE'), removed('A')],
    lines: [
      `${USER} A started talking []`,
      `${USER} A held []`,
      `${USER} A retrieved []`,
      `${USER} A ended []`,
    ],
  },
  {
    name: 'a call first seen HELD',
    events: [modified('A', 'HELD'), modified('A', 'ACTIVE'), removed('A')],
    lines: [`${USER} A started held []`, `${USER} A retrieved []`, `${USER} A ended []`],
  },
  {
    name: 'a call first seen under its second callRef',
    events: [
      modified('C', 'ACTIVE', { fields: { previousCallRef: 'B', cause: 'TRANSFERRED' } }),
      removed('C'),
    ],
    lines: [`${USER} C started talking [] TRANSFERRED`, `${USER} C ended []`],
  },
  {
    name: 'the end of a call that nobody knew',
    events: [modified('A', 'RELEASING'), removed('A')],
    lines: [],
  },
  {
    name: 'an event that does not say whether its unknown call lives',
    events: [modified('A', 'UNKNOWN', { fields: { modifiedLegs: [] } }), removed('A')],
    lines: [],
    unclear: true,
  },
];

export const STORIES: readonly Story[] = [...plain, ...composed, ...afterGap];
