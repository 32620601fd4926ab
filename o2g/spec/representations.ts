/**
 * The representations and enumerations of the O2G Recording-only API 2.7.1, as data. The TypeScript types of requests, answers and
 * events derive from this table, and so does the validation of what is sent (`validation.ts`).
 *
 * A field is written `'type'` when it must be there (cardinality 1), `'type?'` for 0..1, `'type*'` for 0..*, `'type+'` for 1..*.
 */

export const ENUMERATIONS = {
  AgentMainState: ['UNKNOWN', 'LOG_ON', 'LOG_OFF', 'ERROR'],
  AgentSubState: [
    'READY',
    'OUT_OF_PG',
    'BUSY',
    'TRANSACTION_CODE_INPUT',
    'WRAPUP',
    'PAUSE',
    'WITHDRAW',
    'WRAPUP_IM',
    'WRAPUP_EMAIL',
    'WRAPUP_EMAIL_INTERRUPTIBLE',
    'WRAPUP_OUTBOUND',
    'WRAPUP_CALLBACK',
  ],
  CTILinkState: ['CONNECTED_MAIN', 'CONNECTED_SECONDARY', 'DISCONNECTED'],
  CallCause: [
    'ABANDONED',
    'ALL_TRUNK_BUSY',
    'BUSY',
    'CLEARED',
    'PARTICIPANT_LEFT',
    'CONFERENCED',
    'INVALID_NUMBER',
    'DESTINATION_NOT_OBTAINABLE',
    'DO_NOT_DISTURB',
    'FORWARDED',
    'NOT_ANSWERED',
    'PICKED_UP',
    'PARKED',
    'REDIRECTED',
    'OVERFLOWN',
    'TRANSFERRED',
    'UNKNOWN',
    'PICKED_UP_TANDEM',
    'CALL_BACK',
    'RECALL',
    'DISTRIBUTED',
    'ACD_ENTER_DISTRIBUTION',
    'RESOURCES_NOT_AVAILABLE',
    'SUPERVISOR_LISTENING',
    'SUPERVISOR_INTRUSION',
    'SUPERVISOR_RESTRICT_INTRUSION',
    'NO_AVAILABLE_AGENT',
    'LOCKOUT',
  ],
  ConfigurationTypeDTO: ['PBX_MANAGEMENT', 'RECORDING', 'FULL_SERVICES'],
  DeviceType: ['DECT', 'DESKPHONE', 'MOBILE', 'SOFTPHONE'],
  HttpStatus: [
    'CONTINUE',
    'SWITCHING_PROTOCOLS',
    'PROCESSING',
    'OK',
    'CREATED',
    'ACCEPTED',
    'NON_AUTHORITATIVE_INFORMATION',
    'NO_CONTENT',
    'RESET_CONTENT',
    'PARTIAL_CONTENT',
    'MULTI_STATUS',
    'ALREADY_REPORTED',
    'IM_USED',
    'MULTIPLE_CHOICES',
    'MOVED_PERMANENTLY',
    'FOUND',
    'MOVED_TEMPORARILY',
    'SEE_OTHER',
    'NOT_MODIFIED',
    'USE_PROXY',
    'TEMPORARY_REDIRECT',
    'BAD_REQUEST',
    'UNAUTHORIZED',
    'PAYMENT_REQUIRED',
    'FORBIDDEN',
    'NOT_FOUND',
    'METHOD_NOT_ALLOWED',
    'NOT_ACCEPTABLE',
    'PROXY_AUTHENTICATION_REQUIRED',
    'REQUEST_TIMEOUT',
    'CONFLICT',
    'GONE',
    'LENGTH_REQUIRED',
    'PRECONDITION_FAILED',
    'REQUEST_ENTITY_TOO_LARGE',
    'REQUEST_URI_TOO_LONG',
    'UNSUPPORTED_MEDIA_TYPE',
    'REQUESTED_RANGE_NOT_SATISFIABLE',
    'EXPECTATION_FAILED',
    'INSUFFICIENT_SPACE_ON_RESOURCE',
    'METHOD_FAILURE',
    'DESTINATION_LOCKED',
    'UNPROCESSABLE_ENTITY',
    'LOCKED',
    'FAILED_DEPENDENCY',
    'UPGRADE_REQUIRED',
    'TOO_MANY_REQUESTS',
    'INTERNAL_SERVER_ERROR',
    'NOT_IMPLEMENTED',
    'BAD_GATEWAY',
    'SERVICE_UNAVAILABLE',
    'GATEWAY_TIMEOUT',
    'HTTP_VERSION_NOT_SUPPORTED',
    'VARIANT_ALSO_NEGOTIATES',
    'INSUFFICIENT_STORAGE',
    'LOOP_DETECTED',
    'NOT_EXTENDED',
  ],
  IPRecorderType: ['NICE', 'OTHER'],
  MainType: ['USER', 'DEVICE', 'SERVICE', 'EXTERNAL', 'UNKNOWN'],
  MediaState: [
    'UNKNOWN',
    'OFF_HOOK',
    'IDLE',
    'RELEASING',
    'DIALING',
    'HELD',
    'RINGING_INCOMING',
    'RINGING_OUTGOING',
    'ACTIVE',
  ],
  OperationalState: ['IN_SERVICE', 'OUT_OF_SERVICE', 'UNKNOWN'],
  PilotStatus: [
    'OPEN',
    'BLOCKED',
    'BLOCKED_ON_RULE',
    'BLOCKED_ON_BLOCKED_RULE',
    'GENERAL_FORWARDING',
    'GENERAL_FORWARDING_ON_RULE',
    'BLOCKED_ON_GENERAL_FORWARDING_RULE',
    'OTHER',
  ],
  RecordState: ['PAUSED', 'RECORDING'],
  SubscriptionState: ['UNKNOWN', 'ACCEPTED', 'REFUSED'],
  SupervisedAccountType: ['LOGIN_NAME', 'PHONE_NUMBER'],
  UserState: ['FREE', 'BUSY', 'UNKNOWN'],
  VoicemailType: ['VM_4635', 'VM_4645', 'EXTERNAL'],
} as const;

export const REPRESENTATIONS = {
  // Call control
  AcdCallData: {
    callInfo: 'AcdCallInfo?',
    queueData: 'QueueData?',
    pilotNumber: 'string?',
    rsiNumber: 'string?',
    supervisedTransfer: 'boolean?',
    pilotTransferInfo: 'PilotTransferInfo?',
  },
  AcdCallInfo: {
    queueWaitingTime: 'int?',
    globalWaitingTime: 'int?',
    agentGroup: 'string?',
    local: 'boolean?',
  },
  Call: { callRef: 'string', callData: 'CallData?', legs: 'Leg*', participants: 'Participant*' },
  CallData: {
    initialCalled: 'PartyInfo?',
    deviceCall: 'boolean?',
    anonymous: 'boolean?',
    callUUID: 'string?',
    state: 'MediaState?',
    recordState: 'RecordState?',
    tags: 'Tag*',
    associateData: 'string?',
    hexaBinaryAssociatedData: 'string?',
    accountInfo: 'string?',
    acdCallData: 'AcdCallData?',
    trunkIdentification: 'TrunkIdentification?',
  },
  Calls: { calls: 'Call*' },
  DeviceCapabilities: {
    deviceId: 'string',
    makeCall: 'boolean?',
    makeBusinessCall: 'boolean?',
    makePrivateCall: 'boolean?',
    unParkCall: 'boolean?',
  },
  DeviceState: { deviceId: 'string', state: 'OperationalState' },
  DeviceStates: { deviceStates: 'DeviceState*' },
  Identifier: { loginName: 'string?', phoneNumber: 'string?' },
  Leg: { deviceId: 'string', state: 'MediaState?', ringingRemote: 'boolean?' },
  OnCallCreated: {
    eventName: 'string',
    loginName: 'string',
    callRef: 'string',
    cause: 'CallCause?',
    callData: 'CallData?',
    initiator: 'string?',
    legs: 'Leg*',
    participants: 'Participant*',
    deviceCapabilities: 'DeviceCapabilities*',
  },
  OnCallModified: {
    eventName: 'string',
    loginName: 'string',
    callRef: 'string',
    cause: 'CallCause?',
    previousCallRef: 'string?',
    replacedByCallRef: 'string?',
    callData: 'CallData?',
    modifiedLegs: 'Leg*',
    addedLegs: 'Leg*',
    removedLegs: 'Leg*',
    modifiedParticipants: 'Participant*',
    addedParticipants: 'Participant*',
    removedParticipantIds: 'string*',
    deviceCapabilities: 'DeviceCapabilities*',
  },
  OnCallRemoved: {
    eventName: 'string',
    loginName: 'string',
    callRef: 'string',
    cause: 'CallCause?',
    newDestination: 'string?',
    deviceCapabilities: 'DeviceCapabilities*',
  },
  OnDeviceStateModified: { eventName: 'string', loginName: 'string', deviceStates: 'DeviceState+' },
  OnTelephonyState: { eventName: 'string', loginName: 'string', state: 'TelephonicState?' },
  OnUserStateModified: { eventName: 'string', loginName: 'string', state: 'UserState' },
  Participant: {
    participantId: 'string',
    identity: 'PartyInfo?',
    anonymous: 'boolean?',
    undroppable: 'boolean?',
    state: 'MediaState?',
  },
  ParticipantType: { main: 'MainType', subType: 'string?' },
  PartyInfo: {
    id: 'Identifier',
    firstName: 'string?',
    lastName: 'string?',
    displayName: 'string?',
    type: 'ParticipantType?',
  },
  PilotTransferInfo: { transferPossible: 'boolean?', pilotStatus: 'PilotStatus?' },
  QueueData: { waitingTime: 'int?', saturated: 'boolean?' },
  Tag: { name: 'string', value: 'string?', visibilities: 'string*' },
  TelephonicState: { calls: 'Call*', deviceCapabilities: 'DeviceCapabilities*', userState: 'UserState?' },
  TrunkIdentification: { networkTimeslot: 'int?', trunkNeqt: 'int*' },
  // Call Center Agent
  AgentState: {
    mainState: 'AgentMainState',
    subState: 'AgentSubState?',
    proAcdDeviceNumber: 'string?',
    pgNumber: 'string?',
    withdrawReason: 'int?',
    withdrawn: 'boolean?',
  },
  OnAgentStateChanged: { eventName: 'string', loginName: 'string', state: 'AgentState' },
  // Maintenance
  DRLink: { identifier: 'string', nbRecordedDevices: 'int?', recordedDevices: 'RecordedDevice*' },
  License: {
    name: 'string?',
    total: 'int?',
    currentUsed: 'int?',
    expiration: 'string?',
    application: 'boolean?',
  },
  LicenseStatus: {
    type: 'string?',
    context: 'string?',
    currentServer: 'string?',
    status: 'string?',
    statusMessage: 'string?',
    lics: 'License*',
  },
  OnCtiLinkDown: { eventName: 'string', nodeId: 'string' },
  OnCtiLinkUp: { eventName: 'string', nodeId: 'string' },
  OnServerStart: { eventName: 'string', serverId: 'string' },
  PbxStatus: {
    name: 'string?',
    nodeId: 'int?',
    mainAddress: 'ServerAddress?',
    secondaryAddress: 'ServerAddress?',
    version: 'string?',
    connected: 'boolean?',
    loaded: 'boolean?',
    ctiLinkState: 'CTILinkState?',
    secured: 'boolean?',
    monitoredUserNumber: 'int?',
    lmsConnectionStatus: 'boolean?',
    drLinks: 'DRLink*',
  },
  RecordedDevice: {
    number: 'string?',
    recorded: 'boolean?',
    recordingResource: 'string?',
    ip: 'boolean?',
    sentFlowPort: 'int?',
    receivedFlowPort: 'int?',
  },
  ServerAddress: { fqdn: 'string?', ip: 'string?' },
  ServicesStatus: { name: 'string?', status: 'string?', mode: 'string?' },
  SystemServicesStatusDTO: { services: 'ServicesStatus*', globalIPAdress: 'string?', drbd: 'string?' },
  SystemStatus: {
    logicalAddress: 'ServerAddress?',
    startDate: 'dateTime?',
    ha: 'boolean?',
    primary: 'string?',
    primaryVersion: 'string?',
    primaryServicesStatus: 'SystemServicesStatusDTO?',
    secondary: 'string?',
    secondaryVersion: 'string?',
    secondaryServicesStatus: 'SystemServicesStatusDTO?',
    pbxs: 'PbxStatus*',
    license: 'LicenseStatus?',
    configurationType: 'ConfigurationTypeDTO?',
  },
  // Voice Recording
  DRLinks: { drLinks: 'DRLink*' },
  DeviceMonitored: { userId: 'string' },
  MonitorRequest: { deviceNumber: 'string' },
  RecordingSrtpKeys: { key: 'string?', salt: 'string?' },
  RegisterServiceRequest: { type: 'IPRecorderType?', secured: 'boolean?' },
  ServiceRegistered: { registrationId: 'string', secure: 'boolean?' },
  StartBeepRequest: { deviceNumber: 'string', tone: 'int', presenceDuration: 'int', silenceDuration: 'int' },
  StartRecordRequest: {
    deviceNumber: 'string',
    ipRecorderAddr: 'string',
    sentFlowPort: 'int',
    receivedFlowPort: 'int',
  },
  StartTDMRecordRequest: { deviceNumber: 'string', crystal: 'int', board: 'int', timeslot: 'int' },
  // User information
  Device: { type: 'DeviceType?', id: 'string?', subType: 'string?' },
  LoginsResponse: { loginNames: 'string+' },
  OnUserCreated: { eventName: 'string', user: 'User' },
  OnUserDeleted: { eventName: 'string', loginName: 'string' },
  OnUserInfoChanged: { eventName: 'string', loginName: 'string?', user: 'User' },
  User: {
    companyPhone: 'string?',
    firstName: 'string?',
    lastName: 'string?',
    loginName: 'string?',
    voicemail: 'Voicemail?',
    devices: 'Device*',
    nodeId: 'string?',
    externalLogin: 'string?',
  },
  Voicemail: { number: 'string', type: 'VoicemailType' },
  // Subscription management
  Filter: { selectors: 'Selector*' },
  Selector: { ids: 'string*', names: 'string+' },
  Subscription: {
    subscriptionId: 'string?',
    message: 'string?',
    publicPollingUrl: 'string?',
    privatePollingUrl: 'string?',
    status: 'SubscriptionState',
  },
  SubscriptionRequest: {
    filter: 'Filter?',
    sessionId: 'string?',
    version: 'string',
    timeout: 'int?',
    webHookUrl: 'string?',
  },
  // Introduction
  ProductVersion: { major: 'string?', minor: 'string?' },
  RestErrorInfo: {
    httpStatus: 'HttpStatus?',
    code: 'int?',
    helpMessage: 'string?',
    type: 'string?',
    innerMessage: 'string?',
    canRetry: 'boolean?',
  },
  RoxeRestApiDescriptor: { serverInfo: 'ServerInfo?', versions: 'Version+', custoFeatures: 'string*' },
  ServerInfo: {
    productName: 'string',
    productType: 'string',
    productVersion: 'ProductVersion?',
    haMode: 'boolean?',
  },
  Version: { id: 'string', status: 'string', publicUrl: 'string', internalUrl: 'string' },
  // Session management
  Service: { serviceName: 'string', serviceVersion: 'string?', relativeUrl: 'string' },
  SessionInfo: {
    admin: 'boolean?',
    timeToLive: 'int?',
    publicBaseUrl: 'string?',
    privateBaseUrl: 'string',
    services: 'Service*',
    creationDate: 'string?',
    expirationDate: 'string?',
    otherSessions: 'UserSession*',
  },
  SessionRequest: {
    applicationName: 'string',
    applicationAddress: 'string?',
    supervisedAccount: 'SupervisedAccount?',
  },
  SessionTokenInfo: { expirationDate: 'string?' },
  SupervisedAccount: { id: 'string', type: 'SupervisedAccountType' },
  UserSession: { sessionId: 'string?', creationDate: 'string?', timeToLive: 'int?' },
} as const;

export type RepresentationName = keyof typeof REPRESENTATIONS;
export type EnumerationName = keyof typeof ENUMERATIONS;

interface Scalars {
  string: string;
  /** 32 bit, signed. */
  int: number;
  boolean: boolean;
  /** UTC, ISO 8601. */
  dateTime: string;
}

/** A server newer than the specification may say more: unknown values stay strings. */
type Tolerant<Value extends string> = Value | (string & Record<never, never>);

type ValueOf<Type extends string> = Type extends keyof Scalars
  ? Scalars[Type]
  : Type extends EnumerationName
    ? Tolerant<(typeof ENUMERATIONS)[Type][number]>
    : Type extends RepresentationName
      ? Representation<Type>
      : never;

type FieldType<Written extends string> = Written extends `${infer Type}?`
  ? ValueOf<Type>
  : Written extends `${infer Type}*`
    ? ValueOf<Type>[]
    : Written extends `${infer Type}+`
      ? ValueOf<Type>[]
      : ValueOf<Written>;

type Fields = Readonly<Record<string, string>>;
type OptionalField<F extends Fields> = {
  [Name in keyof F]: F[Name] extends `${string}?` | `${string}*` ? Name : never;
}[keyof F];

type FromFields<F extends Fields> = { [Name in Exclude<keyof F, OptionalField<F>>]: FieldType<F[Name]> } & {
  [Name in OptionalField<F>]?: FieldType<F[Name]>;
};

/** A representation of the specification by its name, e.g. `Representation<'OnCallCreated'>`. */
export type Representation<Name extends RepresentationName> = FromFields<(typeof REPRESENTATIONS)[Name]>;

/** Whether the type of a field is a representation, and not an enumeration or a scalar. */
export const isRepresentation = (type: string): type is RepresentationName =>
  Object.hasOwn(REPRESENTATIONS, type);

/** A field of a representation, as the table writes it. */
export interface Field {
  readonly field: string;
  readonly type: string;
  readonly many: boolean;
  /** It must be there; a list must have something in it. */
  readonly required: boolean;
}

const fieldCache = new Map<RepresentationName, readonly Field[]>();

/** The fields of a representation; the notation of the table is read once. */
export function fieldsOf(name: RepresentationName): readonly Field[] {
  const known =
    fieldCache.get(name) ??
    Object.entries(REPRESENTATIONS[name]).map(([field, notation]) => ({
      field,
      type: notation.replace(/[?*+]$/, ''),
      many: /[*+]$/.test(notation),
      required: !/[?*]$/.test(notation),
    }));
  fieldCache.set(name, known);
  return known;
}
