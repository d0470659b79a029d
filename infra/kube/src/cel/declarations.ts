// The functions that expressions may call, each with its overloads: the standard ones, and Kubernetes' own.

import { authorizerOverloads, authorizerTypes } from './authorizer.ts';
import { listType, mapType, optionalType, paramType, type Type, types, typeType } from './type.ts';

export interface Overload {
  /** As cel-go and Kubernetes name it: cost is counted by it. */
  readonly id: string;
  readonly member: boolean;
  /** For members, the target first. */
  readonly args: readonly Type[];
  readonly result: Type;
}

/** One line per overload: name, target and arguments, result, identifier. */
const table = `
_+_ (bytes, bytes) bytes add_bytes
_+_ (double, double) double add_double
_+_ (duration, duration) duration add_duration_duration
_+_ (duration, timestamp) timestamp add_duration_timestamp
_+_ (timestamp, duration) timestamp add_timestamp_duration
_+_ (int, int) int add_int64
_+_ (list<A>, list<A>) list<A> add_list
_+_ (string, string) string add_string
_+_ (uint, uint) uint add_uint64
_-_ (double, double) double subtract_double
_-_ (duration, duration) duration subtract_duration_duration
_-_ (int, int) int subtract_int64
_-_ (timestamp, duration) timestamp subtract_timestamp_duration
_-_ (timestamp, timestamp) duration subtract_timestamp_timestamp
_-_ (uint, uint) uint subtract_uint64
_*_ (double, double) double multiply_double
_*_ (int, int) int multiply_int64
_*_ (uint, uint) uint multiply_uint64
_/_ (double, double) double divide_double
_/_ (int, int) int divide_int64
_/_ (uint, uint) uint divide_uint64
_%_ (int, int) int modulo_int64
_%_ (uint, uint) uint modulo_uint64
-_ (double) double negate_double
-_ (int) int negate_int64
!_ (bool) bool logical_not
_&&_ (bool, bool) bool logical_and
_||_ (bool, bool) bool logical_or
@not_strictly_false (bool) bool not_strictly_false
_?_:_ (bool, A, A) A conditional
_==_ (A, A) bool equals
_!=_ (A, A) bool not_equals
@in (A, list<A>) bool in_list
@in (A, map<A, B>) bool in_map
_[_] (list<A>, int) A index_list
_[_] (map<A, B>, A) B index_map
_[_] (optional<list<V>>, int) optional<V> optional_list_index_value
_[_] (optional<map<K, V>>, K) optional<V> optional_map_index_value
_[?_] (list<V>, int) optional<V> list_optindex_optional_int
_[?_] (optional<list<V>>, int) optional<V> optional_list_optindex_optional_int
_[?_] (map<K, V>, K) optional<V> map_optindex_optional_value
_[?_] (optional<map<K, V>>, K) optional<V> optional_map_optindex_optional_value
cel.@mapInsert (map<K, V>, map<K, V>) map<K, V> @mapInsert_map_map
cel.@mapInsert (map<K, V>, K, V) map<K, V> @mapInsert_map_key_value
size (bytes) int size_bytes
size bytes.() int bytes_size
size (list<A>) int size_list
size list<A>.() int list_size
size (map<A, B>) int size_map
size map<A, B>.() int map_size
size (string) int size_string
size string.() int string_size
type (A) type<A> type
bool (bool) bool bool_to_bool
bool (string) bool string_to_bool
bytes (bytes) bytes bytes_to_bytes
bytes (string) bytes string_to_bytes
double (double) double double_to_double
double (int) double int64_to_double
double (string) double string_to_double
double (uint) double uint64_to_double
duration (duration) duration duration_to_duration
duration (int) duration int64_to_duration
duration (string) duration string_to_duration
dyn (A) dyn to_dyn
int (int) int int64_to_int64
int (double) int double_to_int64
int (duration) int duration_to_int64
int (string) int string_to_int64
int (timestamp) int timestamp_to_int64
int (uint) int uint64_to_int64
string (string) string string_to_string
string (bool) string bool_to_string
string (bytes) string bytes_to_string
string (double) string double_to_string
string (duration) string duration_to_string
string (int) string int64_to_string
string (timestamp) string timestamp_to_string
string (uint) string uint64_to_string
timestamp (timestamp) timestamp timestamp_to_timestamp
timestamp (int) timestamp int64_to_timestamp
timestamp (string) timestamp string_to_timestamp
uint (uint) uint uint64_to_uint64
uint (double) uint double_to_uint64
uint (int) uint int64_to_uint64
uint (string) uint string_to_uint64
contains string.(string) bool contains_string
endsWith string.(string) bool ends_with_string
startsWith string.(string) bool starts_with_string
matches string.(string) bool matches_string
matches (string, string) bool matches
getFullYear timestamp.() int timestamp_to_year
getFullYear timestamp.(string) int timestamp_to_year_with_tz
getMonth timestamp.() int timestamp_to_month
getMonth timestamp.(string) int timestamp_to_month_with_tz
getDayOfYear timestamp.() int timestamp_to_day_of_year
getDayOfYear timestamp.(string) int timestamp_to_day_of_year_with_tz
getDayOfMonth timestamp.() int timestamp_to_day_of_month
getDayOfMonth timestamp.(string) int timestamp_to_day_of_month_with_tz
getDate timestamp.() int timestamp_to_day_of_month_1_based
getDate timestamp.(string) int timestamp_to_day_of_month_1_based_with_tz
getDayOfWeek timestamp.() int timestamp_to_day_of_week
getDayOfWeek timestamp.(string) int timestamp_to_day_of_week_with_tz
getHours timestamp.() int timestamp_to_hours
getHours timestamp.(string) int timestamp_to_hours_with_tz
getHours duration.() int duration_to_hours
getMinutes timestamp.() int timestamp_to_minutes
getMinutes timestamp.(string) int timestamp_to_minutes_with_tz
getMinutes duration.() int duration_to_minutes
getSeconds timestamp.() int timestamp_to_seconds
getSeconds timestamp.(string) int timestamp_to_seconds_tz
getSeconds duration.() int duration_to_seconds
getMilliseconds timestamp.() int timestamp_to_milliseconds
getMilliseconds timestamp.(string) int timestamp_to_milliseconds_with_tz
getMilliseconds duration.() int duration_to_milliseconds
optional.of (V) optional<V> optional_of
optional.ofNonZeroValue (V) optional<V> optional_ofNonZeroValue
optional.none () optional<V> optional_none
value optional<V>.() V optional_value
hasValue optional<V>.() bool optional_hasValue
or optional<V>.(optional<V>) optional<V> optional_or_optional
orValue optional<V>.(V) V optional_orValue_value
charAt string.(int) string string_char_at_int
format string.(list<dyn>) string string_format
indexOf string.(string) int string_index_of_string
indexOf string.(string, int) int string_index_of_string_int
join list<string>.() string list_join
join list<string>.(string) string list_join_string
lastIndexOf string.(string) int string_last_index_of_string
lastIndexOf string.(string, int) int string_last_index_of_string_int
lowerAscii string.() string string_lower_ascii
upperAscii string.() string string_upper_ascii
replace string.(string, string) string string_replace_string_string
replace string.(string, string, int) string string_replace_string_string_int
split string.(string) list<string> string_split_string
split string.(string, int) list<string> string_split_string_int
strings.quote (string) string strings_quote
substring string.(int) string string_substring_int
substring string.(int, int) string string_substring_int_int
trim string.() string string_trim
sets.contains (list<T>, list<T>) bool list_sets_contains_list
sets.equivalent (list<T>, list<T>) bool list_sets_equivalent_list
sets.intersects (list<T>, list<T>) bool list_sets_intersects_list
find string.(string) string string_find_string
findAll string.(string) list<string> string_find_all_string
findAll string.(string, int) list<string> string_find_all_string_int
indexOf list<T>.(T) int list_a_index_of_int
lastIndexOf list<T>.(T) int list_a_last_index_of_int
url (string) url string_to_url
isURL (string) bool is_url_string
getScheme url.() string url_get_scheme
getHost url.() string url_get_host
getHostname url.() string url_get_hostname
getPort url.() string url_get_port
getEscapedPath url.() string url_get_escaped_path
getQuery url.() map<string, list<string>> url_get_query
quantity (string) quantity string_to_quantity
isQuantity (string) bool is_quantity_string
sign (quantity) int quantity_sign
isGreaterThan quantity.(quantity) bool quantity_is_greater_than
isLessThan quantity.(quantity) bool quantity_is_less_than
compareTo quantity.(quantity) int quantity_compare_to
asInteger quantity.() int quantity_get_int
isInteger quantity.() bool quantity_is_integer
asApproximateFloat quantity.() double quantity_get_float
add quantity.(quantity) quantity quantity_add
add quantity.(int) quantity quantity_add_int
sub quantity.(quantity) quantity quantity_sub
sub quantity.(int) quantity quantity_sub_int
ip (string) ip string_to_ip
isIP (string) bool is_ip
ip.isCanonical (string) bool ip_is_canonical
family ip.() int ip_family
isUnspecified ip.() bool ip_is_unspecified
isLoopback ip.() bool ip_is_loopback
isLinkLocalMulticast ip.() bool ip_is_link_local_multicast
isLinkLocalUnicast ip.() bool ip_is_link_local_unicast
isGlobalUnicast ip.() bool ip_is_global_unicast
string (ip) string ip_to_string
cidr (string) cidr string_to_cidr
isCIDR (string) bool is_cidr
containsIP cidr.(string) bool cidr_contains_ip_string
containsIP cidr.(ip) bool cidr_contains_ip_ip
containsCIDR cidr.(string) bool cidr_contains_cidr_string
containsCIDR cidr.(cidr) bool cidr_contains_cidr
ip cidr.() ip cidr_ip
prefixLength cidr.() int cidr_prefix_length
masked cidr.() cidr cidr_masked
string (cidr) string cidr_to_string
format.named (string) optional<format> format-named
validate format.(string) optional<list<string>> format-validate
semver (string) semver string_to_semver
semver (string, bool) semver string_bool_to_semver
isSemver (string) bool is_semver_string
isSemver (string, bool) bool is_semver_string_bool
isGreaterThan semver.(semver) bool semver_is_greater_than
isLessThan semver.(semver) bool semver_is_less_than
compareTo semver.(semver) int semver_compare_to
major semver.() int semver_major
minor semver.() int semver_minor
patch semver.() int semver_patch
`;

/** Named formats are functions without arguments. */
const formatNames: readonly string[] = [
  'dns1123Label',
  'dns1123Subdomain',
  'dns1035Label',
  'qualifiedName',
  'dns1123LabelPrefix',
  'dns1123SubdomainPrefix',
  'dns1035LabelPrefix',
  'labelValue',
  'uri',
  'uuid',
  'byte',
  'date',
  'datetime',
];

const ordered = ['int', 'uint', 'double', 'bool', 'duration', 'timestamp', 'string', 'bytes'];
const numeric = ['int', 'uint', 'double'];
const summed = ['int', 'uint', 'double', 'duration'];

/** Lines that differ in one type only. */
function generated(): string[] {
  const comparisons = [
    ['_<_', 'less'],
    ['_<=_', 'less_equals'],
    ['_>_', 'greater'],
    ['_>=_', 'greater_equals'],
  ] as const;
  const spelled: Readonly<Record<string, string>> = { int: 'int64', uint: 'uint64' };
  const lines: string[] = [];
  for (const [operator, name] of comparisons) {
    // In upstream's order: what is not known yet becomes the type of the first that fits.
    const same = (type: string): readonly [string, string] => [type, type];
    const pairs = [
      same('bool'),
      ...numeric.flatMap((left): (readonly [string, string])[] => {
        const others = left === 'int' ? ['double', 'uint'] : ['double', 'int', 'uint'];
        const mixed = others.filter((each) => each !== left);
        return [same(left), ...mixed.map((right) => [left, right] as const)];
      }),
      ...['string', 'bytes', 'timestamp', 'duration'].map(same),
    ];
    for (const [left, right] of pairs) {
      const types = [left, ...(left === right ? [] : [right])].map((each) => spelled[each] ?? each);
      lines.push(`${operator} (${left}, ${right}) bool ${name}_${types.join('_')}`);
    }
  }
  for (const type of ordered) {
    lines.push(`isSorted list<${type}>.() bool list_${type}_is_sorted_bool`);
    lines.push(`min list<${type}>.() ${type} list_${type}_min_${type}`);
    lines.push(`max list<${type}>.() ${type} list_${type}_max_${type}`);
  }
  for (const type of summed) lines.push(`sum list<${type}>.() ${type} list_${type}_sum_${type}`);
  for (const name of formatNames) lines.push(`format.${name} () format format.${name}`);
  return lines;
}

function parseType(text: string): Type {
  const open = text.indexOf('<');
  if (open < 0) {
    if (/^[A-Z]$/.test(text)) return paramType(text);
    const found = Object.entries({ ...types, ...authorizerTypes }).find(
      ([name]) => name === text,
    )?.[1];
    if (found === undefined) throw new Error(`no type ${text}`);
    return found;
  }
  const [first = types.dyn, second = types.dyn] = splitTypes(text.slice(open + 1, -1)).map(
    parseType,
  );
  switch (text.slice(0, open)) {
    case 'list':
      return listType(first);
    case 'map':
      return mapType(first, second);
    case 'type':
      return typeType(first);
    default:
      return optionalType(first);
  }
}

/** At the commas that stand in no brackets. */
function splitTypes(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let begin = 0;
  for (const [index, char] of [...text].entries()) {
    if (char === '<') depth++;
    else if (char === '>') depth--;
    else if (char === ',' && depth === 0) {
      parts.push(text.slice(begin, index).trim());
      begin = index + 1;
    }
  }
  const last = text.slice(begin).trim();
  return last === '' ? parts : [...parts, last];
}

function parseLine(line: string): readonly [string, Overload] {
  const match = /^(\S+) (?:(.+)\.)?\((.*)\) (.+) (\S+)$/.exec(line);
  if (!match) throw new Error(`no declaration: ${line}`);
  const [, name = '', target, args = '', result = '', id = ''] = match;
  const types = splitTypes(args).map(parseType);
  return [
    name,
    {
      id,
      member: target !== undefined,
      args: target === undefined ? types : [parseType(target), ...types],
      result: parseType(result),
    },
  ];
}

/** Overloads by function. */
export const functions: ReadonlyMap<string, readonly Overload[]> = new Map(
  [
    ...Map.groupBy(
      [...table.trim().split('\n'), ...authorizerOverloads.trim().split('\n'), ...generated()].map(
        parseLine,
      ),
      ([name]) => name,
    ),
  ].map(([name, lines]) => [name, lines.map(([, overload]) => overload)]),
);
