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
    text: 'A stream ends with `end`, which spares clients the question for the status of the run.',
    differences: /^event end: only here$/,
  },
  {
    text: "`kwargs` holds the input and the config of a run; what LangGraph's server sets for itself is not kept.",
    differences: /\.kwargs\./,
  },
  {
    text: "LangGraph's server adds notes about itself to `metadata`.",
    differences: /metadata\.(?:created_by|user_id|langgraph_\w+|run_attempt|ls_\w+|parents|\*): only there$/,
  },
  {
    text: 'A run that failed names the kind of its errcode, and the errcode, where LangGraph names a class of its own.',
    differences: /\.error: "\w*Error" there, "\w+" here$|\.errcode: only here$/,
  },
];
