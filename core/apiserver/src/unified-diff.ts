// What differs between two texts, line by line in the unified form. The rules are those of Python's difflib, whose port
// upstream uses: the longest run of lines that both have, then the same before it and behind it; lines that come up too
// often in a long text are no start of a run.

/** So many lines around a change are shown. */
const contextLines = 3;
/** Texts of this many lines take some 30 ms at worst, with the square of it. */
const linesMax = 1_000;
const longFrom = 200;

interface Block {
  readonly left: number;
  readonly right: number;
  readonly length: number;
}

/** Lines `from` to `to` of the one became lines of the other. */
interface Step {
  readonly same: boolean;
  readonly left: readonly [from: number, to: number];
  readonly right: readonly [from: number, to: number];
}

/** Ends with a line break; empty when nothing differs, undefined when it takes too long to find out what does. */
export function unifiedDiff(left: readonly string[], right: readonly string[]): string | undefined {
  if (Math.max(left.length, right.length) > linesMax) return undefined;
  return groupsOf(stepsOf(left, right))
    .flatMap((group) => [headOf(group), ...group.flatMap((step) => shown(step, left, right))])
    .map((line) => `${line}\n`)
    .join('');
}

function shown(step: Step, left: readonly string[], right: readonly string[]): readonly string[] {
  const before = left.slice(...step.left);
  if (step.same) return before.map((line) => ` ${line}`);
  const after = right.slice(...step.right);
  return [...before.map((line) => `-${line}`), ...after.map((line) => `+${line}`)];
}

function headOf(group: readonly Step[]): string {
  const range = (side: 'left' | 'right'): string => {
    const from = group[0]?.[side][0] ?? 0;
    const length = (group.at(-1)?.[side][1] ?? 0) - from;
    if (length === 1) return String(from + 1);
    return `${length === 0 ? from : from + 1},${length}`;
  };
  return `@@ -${range('left')} +${range('right')} @@`;
}

function stepsOf(left: readonly string[], right: readonly string[]): readonly Step[] {
  const end = { left: left.length, right: right.length, length: 0 };
  const steps: Step[] = [];
  let [row, column] = [0, 0];
  for (const block of [...blocksOf(left, right), end]) {
    if (row < block.left || column < block.right) {
      steps.push({ same: false, left: [row, block.left], right: [column, block.right] });
    }
    [row, column] = [block.left + block.length, block.right + block.length];
    if (block.length > 0) {
      steps.push({ same: true, left: [block.left, row], right: [block.right, column] });
    }
  }
  return steps;
}

/** Runs of equal lines, in order, none adjacent to the next. */
function blocksOf(left: readonly string[], right: readonly string[]): readonly Block[] {
  const places = placesOf(right);
  const found: Block[] = [];
  const search = (left0: number, left1: number, right0: number, right1: number): void => {
    if (left0 >= left1 || right0 >= right1) return;
    const window = { left: [left0, left1], right: [right0, right1] } as const;
    const block = longestBlock({ left, right, places }, window);
    if (block.length === 0) return;
    search(left0, block.left, right0, block.right);
    add(found, block);
    search(block.left + block.length, left1, block.right + block.length, right1);
  };
  search(0, left.length, 0, right.length);
  return found;
}

function add(found: Block[], block: Block): void {
  const before = found.at(-1);
  const isNext =
    before !== undefined &&
    before.left + before.length === block.left &&
    before.right + before.length === block.right;
  if (isNext) found[found.length - 1] = { ...before, length: before.length + block.length };
  else found.push(block);
}

/** Where each line stands, without those that stand in too many places. */
function placesOf(lines: readonly string[]): ReadonlyMap<string, readonly number[]> {
  const places = Map.groupBy(lines.keys(), (at) => lines[at] ?? '');
  if (lines.length < longFrom) return places;
  const most = Math.floor(lines.length / 100) + 1;
  return new Map([...places].filter(([, all]) => all.length <= most));
}

interface Texts {
  readonly left: readonly string[];
  readonly right: readonly string[];
  readonly places: ReadonlyMap<string, readonly number[]>;
}

type Window = Pick<Step, 'left' | 'right'>;

/** The first of the longest, with all equal lines around it. */
function longestBlock({ left, right, places }: Texts, window: Window): Block {
  const [[left0, left1], [right0, right1]] = [window.left, window.right];
  let best: Block = { left: left0, right: right0, length: 0 };
  let lengths = new Map<number, number>();
  for (let row = left0; row < left1; row++) {
    const next = new Map<number, number>();
    for (const column of places.get(left[row] ?? '') ?? []) {
      if (column < right0 || column >= right1) continue;
      const length = (lengths.get(column - 1) ?? 0) + 1;
      next.set(column, length);
      if (length > best.length) {
        best = { left: row - length + 1, right: column - length + 1, length };
      }
    }
    lengths = next;
  }
  let { left: row, right: column, length } = best;
  while (row > left0 && column > right0 && left[row - 1] === right[column - 1]) {
    [row, column, length] = [row - 1, column - 1, length + 1];
  }
  const goesOn = (): boolean =>
    row + length < left1 &&
    column + length < right1 &&
    left[row + length] === right[column + length];
  while (goesOn()) length++;
  return { left: row, right: column, length };
}

/** Changes with the lines around them; those whose surroundings meet are together. */
function groupsOf(steps: readonly Step[]): readonly (readonly Step[])[] {
  const groups: Step[][] = [];
  let open: Step[] = [];
  for (const [index, step] of steps.entries()) {
    if (!step.same) {
      open.push(step);
      continue;
    }
    const [isFirst, isLast] = [index === 0, index === steps.length - 1];
    const length = step.left[1] - step.left[0];
    if (isFirst) open = [lastOf(step, contextLines)];
    else if (isLast) open.push(firstOf(step, contextLines));
    else if (length > 2 * contextLines) {
      groups.push([...open, firstOf(step, contextLines)]);
      open = [lastOf(step, contextLines)];
    } else open.push(step);
  }
  if (open.some(({ same }) => !same)) groups.push(open);
  return groups;
}

function firstOf({ left, right, same }: Step, most: number): Step {
  const length = Math.min(most, left[1] - left[0]);
  return { same, left: [left[0], left[0] + length], right: [right[0], right[0] + length] };
}

function lastOf({ left, right, same }: Step, most: number): Step {
  const length = Math.min(most, left[1] - left[0]);
  return { same, left: [left[1] - length, left[1]], right: [right[1] - length, right[1]] };
}
