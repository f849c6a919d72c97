"""Other harnesses on the same requests: folders for lmms-eval, VLMEvalKit, EvalScope and the Hub, and their replies.

Invariants:
* texts and pictures are those of `request.Writer`, replies are read by `reply.read_reply`, scores come from
  `vlm.corpus`: a harness brings its models, its servers and its log, and nothing that could move a number;
* references go along only where the harness scores by itself, and never in a picture or a prompt;
* a folder's name for the task holds a digest of data and prompt, since these harnesses keep replies and pictures by
  that name, and would give those of another prompt again;
* what a harness writes in the place of a reply that it did not get is no reply.
"""
