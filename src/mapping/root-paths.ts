type Node = { readonly [key: string]: unknown };

/**
 * The members that an expression reads of its data, each as names from the root. A path that goes on in a computed way ends
 * before; what is relative to something other than the root is left out.
 */
export function rootPathsOf(tree: unknown): readonly (readonly string[])[] {
  const paths: string[][] = [];
  visit(tree, true, paths);
  return paths;
}

/** `atRoot`: names that stand here are members of the data. */
function visit(node: unknown, atRoot: boolean, paths: string[][]): void {
  if (Array.isArray(node)) {
    for (const each of node) visit(each, atRoot, paths);
    return;
  }
  if (!isNode(node)) return;
  switch (node.type) {
    case 'path':
      visitPath(node, atRoot, paths);
      return;
    case 'name':
      if (atRoot) paths.push([String(node.value)]);
      break;
    case 'sort':
    case 'filter':
    case 'transform':
      visitMembers(node, [], false, paths);
      return;
    default:
      break;
  }
  // A filter and a group belong to what the node gives.
  visitMembers(node, ['stages', 'predicate', 'group'], atRoot, paths);
  for (const key of ['stages', 'predicate', 'group']) visit(node[key], false, paths);
}

function visitMembers(node: Node, left: readonly string[], atRoot: boolean, paths: string[][]): void {
  for (const [key, member] of Object.entries(node)) {
    // The value of a name, a text or a regular expression is no node.
    if (key !== 'value' && key !== 'type' && !left.includes(key)) visit(member, atRoot, paths);
  }
}

function visitPath(node: Node, atRoot: boolean, paths: string[][]): void {
  const steps: readonly unknown[] = Array.isArray(node.steps) ? node.steps : [];
  const names: string[] = [];
  /** Whether the steps so far are names from the root, or the root itself. */
  let isWrittenOut = true;
  for (const [index, step] of steps.entries()) {
    const isNamed = isNode(step) && step.type === 'name';
    if (index === 0 && isRoot(step, atRoot)) {
      visit((step as Node).predicate, false, paths);
      continue;
    }
    if (isWrittenOut && isNamed && (index > 0 || atRoot)) {
      names.push(String(step.value));
      for (const key of ['stages', 'predicate', 'group']) visit(step[key], false, paths);
      continue;
    }
    isWrittenOut = false;
    visit(step, atRoot && index === 0, paths);
  }
  if (names.length > 0) paths.push(names);
  visit(node.group, false, paths);
}

/** `$$` is the root everywhere, `$` only where nothing else is the context. */
function isRoot(step: unknown, atRoot: boolean): boolean {
  return isNode(step) && step.type === 'variable' && (step.value === '$' || (step.value === '' && atRoot));
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof RegExp);
}
