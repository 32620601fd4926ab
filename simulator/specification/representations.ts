import type { Enumeration, EnumerationName } from './enumerations';

/**
 * The representations of the specification, a field a line of its tables: the type, then `!` for a cardinality of 1,
 * `[]` for 0..*, `[]!` for 1..*. Types and validation are both derived from here.
 */
export const REPRESENTATIONS = {
  // Introduction
  ProductVersion: { major: 'string', minor: 'string' },
  RestErrorInfo: {
    httpStatus: 'string',
    code: 'int',
    helpMessage: 'string',
    type: 'string',
    innerMessage: 'string',
    canRetry: 'boolean',
  },
  RoxeRestApiDescriptor: { serverInfo: 'ServerInfo', versions: 'Version[]!', custoFeatures: 'string[]' },
  ServerInfo: {
    productName: 'string!',
    productType: 'string!',
    productVersion: 'ProductVersion',
    haMode: 'boolean',
  },
  Version: { id: 'string!', status: 'string!', publicUrl: 'string!', internalUrl: 'string!' },
  // Not in a table of the specification: the answer of the authentication, from its example.
  Authentication: { credential: 'string!', publicUrl: 'string!', internalUrl: 'string!' },

  // Session management
  Service: { serviceName: 'string!', serviceVersion: 'string', relativeUrl: 'string!' },
  SessionInfo: {
    admin: 'boolean',
    timeToLive: 'int',
    publicBaseUrl: 'string',
    privateBaseUrl: 'string!',
    services: 'Service[]',
    creationDate: 'string',
    expirationDate: 'string',
    otherSessions: 'UserSession[]',
  },
  SessionRequest: {
    applicationName: 'string!',
    applicationAddress: 'string',
    supervisedAccount: 'SupervisedAccount',
  },
  SessionTokenInfo: { expirationDate: 'string' },
  SupervisedAccount: { id: 'string!', type: 'SupervisedAccountType!' },
  UserSession: { sessionId: 'string', creationDate: 'string', timeToLive: 'int' },

  // User information
  Device: { type: 'DeviceType', id: 'string', subType: 'string' },
  LoginsResponse: { loginNames: 'string[]!' },
  User: {
    companyPhone: 'string',
    firstName: 'string',
    lastName: 'string',
    loginName: 'string',
    voicemail: 'Voicemail',
    devices: 'Device[]',
    nodeId: 'string',
    externalLogin: 'string',
  },
  Voicemail: { number: 'string!', type: 'VoicemailType!' },

  // Subscription management
  Filter: { selectors: 'Selector[]' },
  Selector: { ids: 'string[]', names: 'string[]!' },
  // `mode` and `format` are not in the specification; real servers send them.
  Subscription: {
    subscriptionId: 'string',
    message: 'string',
    publicPollingUrl: 'string',
    privatePollingUrl: 'string',
    status: 'SubscriptionState!',
    mode: 'string',
    format: 'string',
  },
  SubscriptionRequest: {
    filter: 'Filter',
    sessionId: 'string',
    version: 'string!',
    timeout: 'int',
    webHookUrl: 'string',
  },

  // Call control
  AcdCallData: {
    callInfo: 'AcdCallInfo',
    queueData: 'QueueData',
    pilotNumber: 'string',
    rsiNumber: 'string',
    supervisedTransfer: 'boolean',
    pilotTransferInfo: 'PilotTransferInfo',
  },
  AcdCallInfo: { queueWaitingTime: 'int', globalWaitingTime: 'int', agentGroup: 'string', local: 'boolean' },
  Call: { callRef: 'string!', callData: 'CallData', legs: 'Leg[]', participants: 'Participant[]' },
  CallData: {
    initialCalled: 'PartyInfo',
    deviceCall: 'boolean',
    anonymous: 'boolean',
    callUUID: 'string',
    state: 'MediaState',
    recordState: 'RecordState',
    tags: 'Tag[]',
    associateData: 'string',
    hexaBinaryAssociatedData: 'string',
    accountInfo: 'string',
    acdCallData: 'AcdCallData',
    trunkIdentification: 'TrunkIdentification',
  },
  Calls: { calls: 'Call[]' },
  DeviceCapabilities: {
    deviceId: 'string!',
    makeCall: 'boolean',
    makeBusinessCall: 'boolean',
    makePrivateCall: 'boolean',
    unParkCall: 'boolean',
  },
  DeviceState: { deviceId: 'string!', state: 'OperationalState!' },
  DeviceStates: { deviceStates: 'DeviceState[]' },
  Identifier: { loginName: 'string', phoneNumber: 'string' },
  Leg: { deviceId: 'string!', state: 'MediaState', ringingRemote: 'boolean' },
  Participant: {
    participantId: 'string!',
    identity: 'PartyInfo',
    anonymous: 'boolean',
    undroppable: 'boolean',
    state: 'MediaState',
  },
  ParticipantType: { main: 'MainType!', subType: 'string' },
  PartyInfo: {
    id: 'Identifier!',
    firstName: 'string',
    lastName: 'string',
    displayName: 'string',
    type: 'ParticipantType',
  },
  PilotTransferInfo: { transferPossible: 'boolean', pilotStatus: 'PilotStatus' },
  QueueData: { waitingTime: 'int', saturated: 'boolean' },
  Tag: { name: 'string!', value: 'string', visibilities: 'string[]' },
  TelephonicState: { calls: 'Call[]', deviceCapabilities: 'DeviceCapabilities[]', userState: 'UserState' },
  TrunkIdentification: { networkTimeslot: 'int', trunkNeqt: 'int[]' },

  // Call Center Agent
  AgentState: {
    mainState: 'AgentMainState!',
    subState: 'AgentSubState',
    proAcdDeviceNumber: 'string',
    pgNumber: 'string',
    withdrawReason: 'int',
    withdrawn: 'boolean',
  },

  // Maintenance
  DRLink: { identifier: 'string!', nbRecordedDevices: 'int', recordedDevices: 'RecordedDevice[]' },
  License: { name: 'string', total: 'int', currentUsed: 'int', expiration: 'string', application: 'boolean' },
  LicenseStatus: {
    type: 'string',
    context: 'string',
    currentServer: 'string',
    status: 'string',
    statusMessage: 'string',
    lics: 'License[]',
  },
  PbxStatus: {
    name: 'string',
    nodeId: 'int',
    mainAddress: 'ServerAddress',
    secondaryAddress: 'ServerAddress',
    version: 'string',
    connected: 'boolean',
    loaded: 'boolean',
    ctiLinkState: 'CTILinkState',
    secured: 'boolean',
    monitoredUserNumber: 'int',
    lmsConnectionStatus: 'boolean',
    drLinks: 'DRLink[]',
  },
  RecordedDevice: {
    number: 'string',
    recorded: 'boolean',
    recordingResource: 'string',
    ip: 'boolean',
    sentFlowPort: 'int',
    receivedFlowPort: 'int',
  },
  ServerAddress: { fqdn: 'string', ip: 'string' },
  ServicesStatus: { name: 'string', status: 'string', mode: 'string' },
  SystemServicesStatusDTO: { services: 'ServicesStatus[]', globalIPAdress: 'string', drbd: 'string' },
  SystemStatus: {
    logicalAddress: 'ServerAddress',
    startDate: 'dateTime',
    ha: 'boolean',
    primary: 'string',
    primaryVersion: 'string',
    primaryServicesStatus: 'SystemServicesStatusDTO',
    secondary: 'string',
    secondaryVersion: 'string',
    secondaryServicesStatus: 'SystemServicesStatusDTO',
    pbxs: 'PbxStatus[]',
    license: 'LicenseStatus',
    configurationType: 'ConfigurationTypeDTO',
  },

  // Voice Recording
  DeviceMonitored: { userId: 'string!' },
  DRLinks: { drLinks: 'DRLink[]' },
  MonitorRequest: { deviceNumber: 'string!' },
  RecordingSrtpKeys: { key: 'string', salt: 'string' },
  RegisterServiceRequest: { type: 'IPRecorderType', secured: 'boolean' },
  ServiceRegistered: { registrationId: 'string!', secure: 'boolean' },
  StartBeepRequest: {
    deviceNumber: 'string!',
    tone: 'int!',
    presenceDuration: 'int!',
    silenceDuration: 'int!',
  },
  StartRecordRequest: {
    deviceNumber: 'string!',
    ipRecorderAddr: 'string!',
    sentFlowPort: 'int!',
    receivedFlowPort: 'int!',
  },
  StartTDMRecordRequest: { deviceNumber: 'string!', crystal: 'int!', board: 'int!', timeslot: 'int!' },

  // The events
  OnAgentStateChanged: { eventName: 'string!', loginName: 'string!', state: 'AgentState!' },
  OnCallCreated: {
    eventName: 'string!',
    loginName: 'string!',
    callRef: 'string!',
    cause: 'CallCause',
    callData: 'CallData',
    initiator: 'string',
    legs: 'Leg[]',
    participants: 'Participant[]',
    deviceCapabilities: 'DeviceCapabilities[]',
  },
  OnCallModified: {
    eventName: 'string!',
    loginName: 'string!',
    callRef: 'string!',
    cause: 'CallCause',
    previousCallRef: 'string',
    replacedByCallRef: 'string',
    callData: 'CallData',
    modifiedLegs: 'Leg[]',
    addedLegs: 'Leg[]',
    removedLegs: 'Leg[]',
    modifiedParticipants: 'Participant[]',
    addedParticipants: 'Participant[]',
    removedParticipantIds: 'string[]',
    deviceCapabilities: 'DeviceCapabilities[]',
  },
  OnCallRemoved: {
    eventName: 'string!',
    loginName: 'string!',
    callRef: 'string!',
    cause: 'CallCause',
    newDestination: 'string',
    deviceCapabilities: 'DeviceCapabilities[]',
  },
  OnChannelInformation: { eventName: 'string!', text: 'string!' },
  OnCtiLinkDown: { eventName: 'string!', nodeId: 'string!' },
  OnCtiLinkUp: { eventName: 'string!', nodeId: 'string!' },
  OnDeviceStateModified: { eventName: 'string!', loginName: 'string!', deviceStates: 'DeviceState[]!' },
  OnServerStart: { eventName: 'string!', serverId: 'string!' },
  OnTelephonyState: { eventName: 'string!', loginName: 'string!', state: 'TelephonicState' },
  OnUserCreated: { eventName: 'string!', user: 'User!' },
  OnUserDeleted: { eventName: 'string!', loginName: 'string!' },
  OnUserInfoChanged: { eventName: 'string!', loginName: 'string', user: 'User!' },
  OnUserStateModified: { eventName: 'string!', loginName: 'string!', state: 'UserState!' },
} as const;

type RepresentationTable = typeof REPRESENTATIONS;
export type RepresentationName = keyof RepresentationTable;

type Value<T extends string> = T extends 'string' | 'dateTime'
  ? string
  : T extends 'int'
    ? number
    : T extends 'boolean'
      ? boolean
      : T extends EnumerationName
        ? Enumeration<T>
        : T extends RepresentationName
          ? Representation<T>
          : never;

type FieldValue<T extends string> = T extends `${infer Item}[]!`
  ? Value<Item>[]
  : T extends `${infer Item}[]`
    ? Value<Item>[]
    : T extends `${infer Single}!`
      ? Value<Single>
      : Value<T>;

type RequiredFields<Fields> = {
  [K in keyof Fields]: Fields[K] extends `${string}!` ? K : never;
}[keyof Fields];

/** The TypeScript shape of a representation, derived from its line in the table. */
export type Representation<N extends RepresentationName> = {
  [K in RequiredFields<RepresentationTable[N]>]: RepresentationTable[N][K] extends string
    ? FieldValue<RepresentationTable[N][K]>
    : never;
} & {
  [
    K in Exclude<keyof RepresentationTable[N], RequiredFields<RepresentationTable[N]>>
  ]?: RepresentationTable[N][K] extends string ? FieldValue<RepresentationTable[N][K]> : never;
};
