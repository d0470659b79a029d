// What a CacheServer says of its values beyond their amount: where they are, who brings and who is brought them, who may
// put. Names are those of the data plane's document; secrets are only named.

import { type Type, t } from '@tweendeck/kube';

/** A field of a Secret in the same namespace. */
export interface SecretField {
  readonly name: string;
  readonly key?: string;
}

/** How a server is spoken to over TLS. */
export interface FarTlsSpec {
  /** Field `ca.crt`. */
  readonly caSecret?: SecretField;
  /** A Secret of type kubernetes.io/tls. */
  readonly certificateSecret?: { readonly name: string };
  readonly serverName?: string;
}

/** Another cache. */
export interface FarCacheSpec {
  /** `host:port`. */
  readonly address: string;
  readonly tls?: FarTlsSpec;
  /** Field `token`. */
  readonly tokenSecret?: SecretField;
}

/** A Redis-protocol server that keeps the values of all replicas. */
export interface RedisStoreSpec {
  /** `host:port`. */
  readonly address: string;
  readonly prefix?: string;
  readonly user?: string;
  /** Field `password`. */
  readonly passwordSecret?: SecretField;
  readonly database?: number;
  readonly tls?: FarTlsSpec;
  readonly ttlSeconds?: number;
  readonly renewOnHit?: boolean;
}

/** What becomes the document of the data planes. */
export interface RulesSpec {
  readonly store?: { readonly redis: RedisStoreSpec };
  readonly mirror?: { readonly targets?: readonly FarCacheSpec[]; readonly backfill?: boolean };
  readonly upstream?: FarCacheSpec & {
    readonly connections?: number;
    readonly requests?: number;
    readonly waitSeconds?: number;
    readonly absentSeconds?: number;
  };
  readonly reliability?: {
    readonly threshold?: number;
    readonly clients?: 'any' | 'distinct';
    readonly editorVersion?: 'counts' | 'ignored';
    readonly forgetAfterSeconds?: number;
  };
  readonly access?: { readonly readOnly?: boolean; readonly putFrom?: readonly string[] };
}

const address = t.string({
  pattern: '^(\\[[0-9a-fA-F:.%]+\\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?$',
  maxLength: 300,
});
const secretName = t.string({ minLength: 1, maxLength: 253 });
const secretField = (key: string) =>
  t.object({
    name: secretName,
    key: t
      .string({ pattern: '^[-_a-zA-Z0-9][-._a-zA-Z0-9]*$', maxLength: 253 })
      .optional()
      .describe(`"${key}" by default.`),
  });
/** A hundred years. */
const secondsMax = 3_153_600_000;
const seconds = (minimum: number) => t.int64({ minimum, maximum: secondsMax });

const farTls: Type<FarTlsSpec> = t.object({
  caSecret: secretField('ca.crt')
    .optional()
    .describe('Who vouches for the server; without it, whom the image trusts.'),
  certificateSecret: t
    .object({ name: secretName })
    .optional()
    .describe('The own certificate, a Secret of type kubernetes.io/tls.'),
  serverName: t
    .string({ minLength: 1, maxLength: 253 })
    .optional()
    .describe('The name in its certificate; the host of the address by default.'),
});

/** Of each cache that is connected to. */
const farFields = {
  address: address.describe('HOST:PORT of the cache, 8126 without a port.'),
  tls: farTls.optional().describe('It is spoken to over TLS.'),
  tokenSecret: secretField('token').optional().describe('What is shown to it within TLS.'),
};
const tokenRule = '!has(self.tokenSecret) || has(self.tls)';
const tokenMessage = { message: 'a token would travel in the clear: say tls as well' };

const redis: Type<RedisStoreSpec> = t
  .object({
    address: address.describe('HOST:PORT of the server, 6379 without a port.'),
    prefix: t
      .string({ pattern: '^[\\x21-\\x7e]{1,128}$', maxLength: 128 })
      .optional()
      .describe(
        'How its keys begin; who has the same shares the values. By default nobody else has it.',
      ),
    user: t
      .string({ minLength: 1, maxLength: 256 })
      .optional()
      .describe('Of the access list of the server; its default user without one.'),
    passwordSecret: secretField('password').optional().describe('Where its password is.'),
    database: t.int32({ minimum: 0, maximum: 65_535 }).optional(),
    tls: farTls.optional().describe('The server is spoken to over TLS.'),
    ttlSeconds: seconds(1)
      .optional()
      .describe('The server drops what is older; without it, what it evicts goes.'),
    renewOnHit: t.boolean().optional().describe('Whether a hit starts that time anew; true.'),
  })
  .rule('!has(self.user) || has(self.passwordSecret)', {
    message: 'a user needs passwordSecret',
  });

type RulesFields = {
  readonly [Field in keyof RulesSpec]-?: Type<NonNullable<RulesSpec[Field]>, 'optional'>;
};

/** The fields of the spec. */
export const rulesFields: RulesFields = {
  store: t
    .object({ redis: redis.describe('A Redis-protocol server that all replicas share.') })
    .optional()
    .describe('Where values are kept in place of the disks of the replicas.'),
  mirror: t
    .object({
      targets: t
        .list(t.object(farFields).rule(tokenRule, tokenMessage), { maxItems: 32 })
        .optional()
        .describe('Caches that are brought what is stored here.'),
      backfill: t
        .boolean()
        .optional()
        .describe('Whether a new target gets what was there before; true by default.'),
    })
    .optional()
    .describe('Other caches get what is stored; {} for one that only receives.'),
  upstream: t
    .object({
      ...farFields,
      connections: t.int32({ minimum: 1, maximum: 64 }).optional(),
      requests: t.int32({ minimum: 1, maximum: 10_000 }).optional(),
      waitSeconds: t
        .int32({ minimum: 1, maximum: 3_600 })
        .optional()
        .describe('A client gets a miss after so long; 5 by default.'),
      absentSeconds: t
        .int32({ minimum: 0, maximum: 86_400 })
        .optional()
        .describe('What it does not have is not asked for again for so long; 10 by default.'),
    })
    .rule(tokenRule, tokenMessage)
    .optional()
    .describe('A cache that is asked for what is not here.'),
  reliability: t
    .object({
      threshold: t
        .int32({ minimum: 0, maximum: 255 })
        .optional()
        .describe('How many uploads have to be alike; 2 by default.'),
      clients: t.enum(['any', 'distinct']).optional(),
      editorVersion: t.enum(['counts', 'ignored']).optional(),
      forgetAfterSeconds: seconds(0).optional(),
    })
    .optional()
    .describe('High reliability: a version is stored when it was uploaded several times alike.'),
  access: t
    .object({
      readOnly: t.boolean().optional().describe('Nobody may put.'),
      putFrom: t
        .list(t.string({ pattern: '^[0-9a-fA-F:.]+(/[0-9]{1,3})?$', maxLength: 64 }), {
          maxItems: 256,
        })
        .optional()
        .describe('Ranges of addresses (CIDR) that may put; everybody without any.'),
    })
    .optional()
    .describe('Who may put. Whoever reaches it may get.'),
};
