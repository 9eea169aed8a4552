import { defaultLimits } from '../connection/admission.ts'
import { HTTP_BODY_BYTES_MAX, MESSAGE_MEMORY_BYTES } from '../limits.ts'
import { noVhostDefaults } from '../operations/vhost-defaults.ts'
import { SHA256 } from '../security/passwords.ts'
import type { Settings } from './settings.ts'

export const defaultSettings: Settings = {
  listeners: [{ port: 5672, bind: undefined }],
  management: [],
  http: {
    pathPrefix: '',
    headers: {},
    bodyBytesMax: HTTP_BODY_BYTES_MAX,
    cors: { allowOrigins: [], maxAgeSeconds: 1800 },
    disableStats: false,
    enableQueueTotals: false,
    oauthLogin: undefined,
  },
  metrics: [],
  metricsFormat: { path: '/metrics', perObject: false },
  storage: 'memory',
  cluster: undefined,
  dataDir: undefined,
  messageMemory: MESSAGE_MEMORY_BYTES,
  maxMessageSize: undefined,
  vhosts: [],
  defaultVhost: '/',
  defaultQueueType: 'classic',
  relaxedQuorumChecks: false,
  users: undefined,
  defaultUser: { name: 'guest', password: 'guest', tags: ['administrator'] },
  loopbackUsers: ['guest'],
  identity: {},
  tuning: {},
  login: {},
  proxies: undefined,
  oauth: undefined,
  limits: defaultLimits,
  memoryLimit: Number.POSITIVE_INFINITY,
  diskFreeLimit: 0,
  consumerTimeout: 0,
  statisticsInterval: 5000,
  definitions: undefined,
  skipUnchangedDefinitions: false,
  modelLimits: {
    vhosts: Number.POSITIVE_INFINITY,
    queues: Number.POSITIVE_INFINITY,
    exchanges: Number.POSITIVE_INFINITY,
  },
  passwordRule: undefined,
  passwordHashing: SHA256,
  vhostDefaults: noVhostDefaults,
}
