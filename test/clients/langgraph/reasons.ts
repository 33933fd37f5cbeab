/** Why a call comes to something else here. The page shows the text; what no reason covers fails the run. */
export type Reason = {
  readonly text: string;
  /** Client and call, such as `python-async runs.wait`; left out, every call. */
  readonly calls?: RegExp;
  /** Place and what stands there, such as `.metadata.user_id: only there`. */
  readonly differences: RegExp;
};

export const reasons: readonly Reason[] = [
  {
    text: 'Assistants are the agents of the config: they are read here, and written there.',
    calls: /assistants\.(?:create|update|set_latest|delete)$/,
    differences: /^outcome: ok there, 501 here$/,
  },
  {
    text: 'Crons are the schedules of the config, which the admin API shows.',
    calls: /crons\./,
    differences: /^outcome: ok there, 501 here$/,
  },
  {
    text: "A thread that asks nothing cannot be resumed, and the client is told: its answer would reach nothing. LangGraph's servers make a run that does nothing.",
    calls: /resumed without an interrupt/,
    differences: /^outcome: /,
  },
  {
    text: "A run that is rolled back is removed, as by LangGraph's server in JavaScript; the one in Python still shows it.",
    calls: /rolled back/,
    differences: /^outcome: ok there, 404 here$/,
  },
  {
    text: 'A run that failed names the kind of its errcode, and the errcode, where LangGraph names a class of its own.',
    differences: /\.error: "\w*Error" there, "\w+" here$|\.errcode: only here$/,
  },
  {
    text: 'A stream ends with `end`, which spares clients the question for the status of the run.',
    differences: /^event end: only here$/,
  },
  {
    text: 'The modes `events`, `debug`, `tasks` and `checkpoints` look into a graph: they are taken and send nothing.',
    differences: /^event (?:events|debug|tasks|checkpoints): only there$/,
  },
  {
    text: "`custom` tells the phase of a run too, and a vendor's partial output is sent as `custom` and as `values`.",
    calls: /custom|slow|three modes|threads\.join_?stream/i,
    differences: /^event custom: only here$|^order of events: |^data of custom |^\[\]: 0 there, \d here$/,
  },
  {
    text: 'The stream of a run that has ended is replayed.',
    calls: /join_?stream/i,
    differences: /^\[\]: 0 there, \d here$|^data of values /,
  },
  {
    text: "The values at the end are the agent's output; a graph merges its output into its input.",
    calls: /resumed/,
    differences: /\.question: only there$/,
  },
  {
    text: 'Messages have no members that would be empty.',
    differences:
      /\.(?:additional_kwargs|response_metadata|tool_calls|invalid_tool_calls|usage_metadata|name): only there$/,
  },
  {
    text: "`kwargs` holds the input and the config of a run; what LangGraph's server sets for itself is not kept.",
    differences: /\.kwargs\./,
  },
  {
    text: 'The metadata of a run says which run it is at the vendor.',
    differences: /\.metadata\.rungate\.vendor: only here$/,
  },
  {
    text: "LangGraph's server adds notes about itself and its steps to `metadata`.",
    differences:
      /(?:metadata|\[1\]|\[3\]|\*)\.(?:created_by|user_id|langgraph_\w+|run_attempt|ls_\w+|parents|checkpoint_ns|metadata): only there$|\.langgraph_step: \d+ there, 1 here$/,
  },
  {
    text: 'The metadata of a thread stays with the thread; LangGraph copies it to runs and states.',
    differences: /\.metadata\.(?:mark|step): only there$/,
  },
  {
    text: "A checkpoint is where a run ended or asks: the steps in between are the vendor's.",
    calls: /state|history/i,
    differences:
      /metadata\.(?:step|source): |^\[3\]\.(?:step|source): |\[3\]\.(?:step|source): |parent_?(?:checkpoint|Config)\b|\[5\]: object there, null here$/,
  },
  {
    text: 'Members without a value are null or empty here and left out there, or the other way round.',
    differences:
      /\.(?:values|interrupts|updated_at|checkpoint_map|checkpoint_id|parent_checkpoint_id|data): only (?:here|there)$|\.config\.configurable: only there$|\.checkpoint_map: object there, null here$|\[0\]\.values: object there, null here$/,
  },
  {
    text: 'The values of a thread are those that its last run left; what a run that asks was given stands in the state.',
    calls: /threads\.get, interrupted/,
    differences: /\.values: object there, null here$/,
  },
  {
    text: 'A thread names the agent that was asked last, also while that run waits for another.',
    calls: /threads\.get, busy/,
    differences: /\.metadata\.graph_id: /,
  },
  {
    text: "The schemas are the config's.",
    calls: /schemas/i,
    differences: /schema/,
  },
  {
    text: 'A run without a thread shows its own id as that of a thread.',
    calls: /onRunCreated/,
    differences: /\.thread_id: only here$/,
  },
  {
    text: "`values` selects threads; LangGraph's server in JavaScript does not read it.",
    calls: /threads\.search by values/,
    differences: /./,
  },
  {
    text: "Before its first run the state of a thread names the thread; LangGraph's servers say null.",
    calls: /no run yet/,
    differences: /: null there, \w+ here$/,
  },
  {
    text: 'A state after an update keeps what the metadata said before.',
    calls: /after the update/,
    differences: /\.metadata\.\w+: only here$/,
  },
  {
    text: 'The metadata of a run names the graph of the run, with a thread or without one.',
    calls: /runs\.create/,
    differences: /\.metadata\.graph_id: /,
  },
  {
    text: "The SDK 2.0.0 sends `select` as JSON, which LangGraph's server in Python refuses and the one in JavaScript does not read.",
    calls: /javascript-2 runs\.list$/,
    differences: /: only there$/,
  },
  {
    text: 'Items are found by namespace and filter: a search by meaning needs an index, and is refused instead of answered by chance.',
    calls: /store\.search_items with query/,
    differences: /^outcome: /,
  },
  {
    text: 'A time to live is refused instead of ignored: threads and items are kept until they are deleted. What the refused calls would have made is not in the lists that follow.',
    calls: /with ttl|threads\.(?:search|count)|store\.search_items/,
    differences: /^outcome: ok there, 422 here$|^\[\]: 4 there, 3 here$|^\.: 4 there, 3 here$|^\.items\[\]: |^\[2\]\./,
  },
];
