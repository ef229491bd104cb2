/**
 * A query that is compiled once and then run with other values: on the paths that every unit takes, compiling costs
 * more than running.
 */
import {
  type Compilable,
  type CompiledQuery,
  type Kysely,
  type KyselyPlugin,
  OperationNodeTransformer,
  type PrimitiveValueListNode,
  type QueryResult,
  ValueListNode,
  ValueNode,
} from 'kysely';
import type { Tables } from './tables.ts';

/** Stands in a compiled query for a value that is given at each run. */
class Slot {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/**
 * Writes into the query what is the same at each run. A parameter that a partial index could ask about has SQLite plan the
 * query anew at each run (https://sqlite.org/c3ref/prepare.html), which costs ten times as much as running it.
 */
class ConstantsInQuery extends OperationNodeTransformer {
  protected override transformValue(node: ValueNode): ValueNode {
    return isConstant(node.value) ? ValueNode.createImmediate(node.value) : node;
  }

  protected override transformPrimitiveValueList(node: PrimitiveValueListNode): PrimitiveValueListNode {
    if (!node.values.every(isConstant)) return node;
    return ValueListNode.create(node.values.map(ValueNode.createImmediate)) as never;
  }
}

const constantsInQuery: KyselyPlugin = {
  transformQuery: ({ node, queryId }) => new ConstantsInQuery().transformNode(node, queryId),
  transformResult: async ({ result }) => result,
};

const isConstant = (value: unknown) => typeof value === 'string' || typeof value === 'number';

export type Statement<Args, Row> = (db: Kysely<Tables>, args: Args) => Promise<QueryResult<Row>>;

/** Runs a prepared statement at once; the parameters are in the order of its text. */
export type DirectStatement = (parameters: unknown[]) => QueryResult<unknown>;

/** The adapter of an engine in this process, whose statements run inside whatever transaction its one connection is in. */
export interface DirectAdapter {
  prepare(sql: string): DirectStatement;
}

/**
 * The query that `build` describes, with `arg('name')` where a value of `Args` belongs. Each name may stand anywhere
 * that a plain value may, but not as a list.
 */
export function statement<Args extends object, Row = unknown>(
  build: (
    db: Kysely<Tables>,
    arg: <Name extends keyof Args & string>(name: Name) => Args[Name],
  ) => Compilable<Row>,
): Statement<Args, Row> {
  const prepared = new WeakMap<object, Statement<Args, Row>>();
  return (db, args) => {
    // connections and transactions of one database share its adapter, and with it the dialect
    const { adapter } = db.getExecutor();
    let run = prepared.get(adapter);
    if (run === undefined) {
      const query = build(db.withPlugin(constantsInQuery), (name) => new Slot(name) as never).compile();
      run = prepareOn(adapter, query);
      prepared.set(adapter, run);
    }
    return run(db, args);
  };
}

function prepareOn<Args extends object, Row>(
  adapter: object,
  query: CompiledQuery<Row>,
): Statement<Args, Row> {
  const fill = (args: Args) =>
    query.parameters.map((value) => (value instanceof Slot ? args[value.name as keyof Args] : value));
  if (!isDirect(adapter)) return (db, args) => db.executeQuery({ ...query, parameters: fill(args) });
  const execute = adapter.prepare(query.sql);
  return async (_db, args) => execute(fill(args)) as QueryResult<Row>;
}

function isDirect(adapter: object): adapter is DirectAdapter {
  return 'prepare' in adapter;
}
