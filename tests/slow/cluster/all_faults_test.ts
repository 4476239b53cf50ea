// The faults of `deno task test` once more, so that `deno task test:slow` alone meets every one: a join, all workers gone and
// back, a killed coordinator and its resume, a wrong token. 60 s.
import "../../e2e/cluster/faults_test.ts";
import "../../e2e/storage/resume_test.ts";
import "../../e2e/commands/train_test.ts";
