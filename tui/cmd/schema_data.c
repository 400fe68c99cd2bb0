/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of `schema`: a verb that prints another member names it here, or tests/cli/schema.scn
 * fails. What has one kind as a row of a list and alone has the members of both.
 */
#include "tui/cmd/schema.h"

/* clang-format off */
const struct schema_row schema_rows[] = {
	{ "Alias", "alias", "model:s alias:s version:i? changed:b", SCHEMA_OUTPUT },
	{ "Audit", "audit list",
	  "sequence:i time:t type:s model:s? who:s what:s signature:s signer:s? key:s? refused:s? "
	  "breakGlass:b by:o? leaf:d reason:s?", SCHEMA_LIST },
	{ "AuditVerification", "audit verify",
	  "problems:[{problem}] policies:[{policy-line}] registry:s size:i root:d? statements:i "
	  "pin:s? problemCount:i", SCHEMA_OUTPUT },
	{ "Backup", "backup",
	  "path:s registry:s entries:i newEntries:i blobs:i blobBytes:i newBlobs:i "
	  "newBytes:i changed:b",
	  SCHEMA_OUTPUT },
	{ "Check", "check",
	  "problems:[{problem}] entries:i root:d? pin:s? versions:i deleted:i "
	  "statements:i blobs:i "
	  "blobBytes:i unneededBlobs:i? content:s problemCount:i", SCHEMA_OUTPUT },
	{ "Bundle", "bundle list",
	  "counter:i way:s site:s? versions:i size:i since:i? time:t signer:s expires:t "
	  "registry:s inventory:d", SCHEMA_LIST },
	{ "BundleBuild", "bundle build, bundle resume",
	  "counter:i registry:s root:d inventory:d since:i created:t expires:t recipients:[s] "
	  "versions:[{bundle-version}] blobs:i bytes:i size:i changed:b path:s folder:s parts:i "
	  "written:i", SCHEMA_OUTPUT },
	{ "BundleImport", "bundle import",
	  "counter:i registry:s root:d inventory:d since:i created:t expires:t recipients:[s] "
	  "versions:[{bundle-version}] blobs:i bytes:i size:i site:s signer:s changed:b "
	  "newVersions:i newBytes:i", SCHEMA_OUTPUT },
	{ "BundleReceipt", "bundle receipt: the file",
	  "checkpoint:s entries:[{proof-entry}] registry:s site:s", SCHEMA_OUTPUT },
	{ "BundleReceiptFile", "bundle receipt --to", "path:s registry:s bytes:i", SCHEMA_OUTPUT },
	{ "BundleVerification", "bundle verify",
	  "counter:i registry:s root:d inventory:d since:i created:t expires:t recipients:[s] "
	  "versions:[{bundle-version}] blobs:i bytes:i size:i signer:s policyVersion:i entries:i "
	  "ok:b parts:i problemCount:i problems:[{bundle-problem}]", SCHEMA_OUTPUT },
	{ "BundleWant", "bundle want",
	  "registry:s sites:[{want-site}] versions:[{want-version}] images:[{want-image}]",
	  SCHEMA_OUTPUT },
	{ "Checkpoint", "audit checkpoint --to", "path:s size:i root:d policy:i", SCHEMA_OUTPUT },
	{ "Command", "help, help COMMAND", "name:s words:s group:s summary:s flags?:[{flag}]",
	  SCHEMA_LIST },
	{ "ConsistencyProof", "audit prove --since: the file",
	  "checkpoint:s consistency:[s] entries:[{proof-entry}] oldCheckpoint:s registry:s",
	  SCHEMA_OUTPUT },
	{ "Deleted", "delete", "model:s version:i digest:d changed:b dryRun:b", SCHEMA_OUTPUT },
	{ "Error", "what any command prints on stderr when it fails",
	  "code:E exit:i message:s hint:s?", SCHEMA_OUTPUT },
	{ "Event", "the stdin of a hook, see slipway-config(5)",
	  "event:s time:t registry:{registry-place} model:s stage:s action:s number:i? "
	  "plan:d job:s? "
	  "state:s by:s? text:s?", SCHEMA_OUTPUT },
	{ "ExitStatus", "help exit-codes", "exit:i code:E text:s", SCHEMA_LIST },
	{ "Export", "export", "model:s version:i digest:d path:s files:i bytes:i", SCHEMA_OUTPUT },
	{ "ExportVerification", "audit verify DIR",
	  "problems:[{problem}] proof:s registry:s policyVersion:i policyDigest:d "
	  "checkpoint:{tree} since:i statements:i problemCount:i", SCHEMA_OUTPUT },
	{ "Difference", "diff", "what:s name:s change:s from:so? to:so?", SCHEMA_LIST },
	{ "File", "files", "path:s bytes:i layer:s digest:d", SCHEMA_LIST },
	{ "Finding", "doctor", "check:s state:s text:s next:s?", SCHEMA_LIST },
	{ "Garbage", "gc",
	  "blobs:[{garbage}] removedBlobs:i removedBytes:i youngBlobs:i youngBytes:i "
	  "neededBlobs:i neededBytes:i abandonedBytes:i ballastGivenUp:b ballastMade:b changed:b "
	  "dryRun:b", SCHEMA_OUTPUT },
	{ "Heartbeat", "status --watch, where nothing changes", "seq:i time:t", SCHEMA_OUTPUT },
	{ "Held", "hold", "model:s version:i digest:d changed:b dryRun:b", SCHEMA_OUTPUT },
	{ "History", "history",
	  "sequence:i time:t who:s what:s type:s leaf:d reason:s?", SCHEMA_LIST },
	{ "Import", "import", "model:s version:i digest:d files:i bytes:i newBytes:i changed:b",
	  SCHEMA_OUTPUT },
	{ "Instance", "logs --instances",
	  "stage:s target:s instance:s state:s version:d?", SCHEMA_LIST },
	{ "InstanceEvent", "logs --events",
	  "stage:s target:s time:t? type:s reason:s object:s count:i text:s", SCHEMA_LIST },
	{ "Job", "job list, job show, job pause, job abort",
	  "id:s action:s model:s number:i? stage:s plan?:h state:s began:t ended?:t step?:s? "
	  "target?:s? text?:s? code?:s? changed?:b", SCHEMA_LIST },
	{ "JobEvent", "job follow",
	  "n:i time:t state:s step:s target:s text:s code:s percent?:i wanted?:i until?:t "
	  "gates?:[{reading}] done:i total:i proofs:[s]",
	  SCHEMA_OUTPUT },
	{ "Key", "key list, key show, key new",
	  "name:s key:s for:s encrypted:b? where:s type:s person:s? roles:[s] revoked:b public?:s "
	  "changed?:b", SCHEMA_LIST },
	{ "KeyBinding", "help keys", "action:s keys:s? screens:s? text:s", SCHEMA_LIST },
	{ "KeyExport", "key export", "name:s key:s public:s path:s?", SCHEMA_OUTPUT },
	{ "Labelled", "label", "model:s version:i? changed:b", SCHEMA_OUTPUT },
	{ "LogExport", "audit export", "path:s size:i root:d policy:i", SCHEMA_OUTPUT },
	{ "Model", "list, show NAME",
	  "name?:s latest?:i? stages:o signed?:b bytes?:i updated:t files?:i "
	  "signer?:s? digest?:d? "
	  "labels?:o model?:s versions?:i modelLabels?:o modelAliases?:o modelNotes?:[{note}] "
	  "version?:i created?:t lifecycle?:s held?:b key?:s? aliases?:[s] notes?:[{note}] "
	  "evidence?:o "
	  "entry?:i home?:s? statements?:[{statement}] fileList?:[{file}]", SCHEMA_LIST },
	{ "LogLine", "logs", "stage:s target:s instance:s text:s? time?:s?",
	  SCHEMA_LIST },
	{ "Note", "note", "model:s version:i? changed:b", SCHEMA_OUTPUT },
	{ "PlanCheck", "plan check", "check:s answer:s why:s? next:s?", SCHEMA_LIST },
	{ "PlanDiscard", "plan discard", "plan:h changed:b", SCHEMA_OUTPUT },
	{ "Plan", "plan list, plan show, and what promote and rollback would do",
	  "id:h action:s model:s stage:s number:i? state?:s authorisation?:s missing?:s? "
	  "authorised?:b authorisedBy?:s? breakGlass?:b approvals?:[o] enough?:b job?:s? "
	  "time?:t intent?:{plan} version?:d? nowNumber?:i? bytes?:i? files?:i? "
	  "protected?:b policy?:i "
	  "already?:b repair?:b blocked?:b canary?:o? checks?:[{plan-check}] targets?:[o] "
	  "wayBack?:o? take?:[s]? canaryFrom?:o absent?:s? missingImages?:s? "
	  "fileChanges?:o? lasted?:o? carry?:[{want-image}] offline?:[s] "
	  "changed?:b",
	  SCHEMA_LIST },
	{ "Policy", "policy show", "version:i digest:d entry:i document:{policy}", SCHEMA_OUTPUT },
	{ "PolicyAdvice", "policy check", "state:s about:s text:s", SCHEMA_LIST },
	{ "PolicyChange",
	  "policy add, remove, set, sign and trust-site, key trust, key revoke, key rotate",
	  "version:i digest:d removed:[s] added:[s] changed:b dryRun:b draft:s? missing:s?",
	  SCHEMA_OUTPUT },
	{ "ProgramVersion", "version", "version:s registryFormat:i", SCHEMA_OUTPUT },
	{ "Attested", "attest", "model:s version:i type:s changed:b", SCHEMA_OUTPUT },
	{ "Approval", "approve", "plan:h person:s changed:b enough:b missing:s?", SCHEMA_OUTPUT },
	{ "Promotion", "promote, rollback, apply, job wait",
	  "model:s stage:s action:s number:i plan:h job:s? state:s changed:b rolledBack:b",
	  SCHEMA_OUTPUT },
	{ "PromotionProof", "audit prove --stage: the file",
	  "checkpoint:s entries:[{proof-entry}] model:s number:i registry:s stage:s version:d",
	  SCHEMA_OUTPUT },
	{ "Pull", "pull",
	  "model:s version:i digest:d files:i bytes:i newBytes:i fetched:i changed:b",
	  SCHEMA_OUTPUT },
	{ "Push", "push",
	  "model:s version:i digest:d reference:s sent:i present:i changed:b dryRun:b",
	  SCHEMA_OUTPUT },
	{ "Proof", "audit prove --to", "path:s size:i root:d policy:i", SCHEMA_OUTPUT },
	{ "ProofVerification", "audit verify FILE",
	  "proof:s registry:s policyVersion:i policyDigest:d checkpoint:{tree} "
	  "oldCheckpoint?:{tree} model?:s version?:i digest?:d stage?:s rollback?:b sequence?:i "
	  "leaf?:d time?:t author?:{signer} authorisedBy?:{signer} approvedBy?:[{signer}] "
	  "recordedBy?:{signer} breakGlass?:b", SCHEMA_OUTPUT },
	{ "ReceiptImport", "bundle import of a receipt",
	  "site:s registry:s bundles:i lastBundle:i versions:i promotions:i news:i changed:b",
	  SCHEMA_OUTPUT },
	{ "Rebuild", "rebuild", "entries:i", SCHEMA_OUTPUT },
	{ "Registry", "init",
	  "path:s id:s person:s key:s keyIsNew:b policyVersion:i policyTemplate:s policyDigest:d",
	  SCHEMA_OUTPUT },
	{ "Released", "release", "model:s version:i digest:d changed:b dryRun:b", SCHEMA_OUTPUT },
	{ "Restored", "retire --undo", "model:s version:i digest:d changed:b dryRun:b",
	  SCHEMA_OUTPUT },
	{ "Retired", "retire", "model:s version:i digest:d changed:b dryRun:b", SCHEMA_OUTPUT },
	{ "Revoked", "revoke", "model:s version:i digest:d changed:b dryRun:b", SCHEMA_OUTPUT },
	{ "Schema", "schema", "name:s text:s", SCHEMA_LIST },
	{ "Setting", "config, config get, set and unset",
	  "key:s value:s? source:s? expected?:s text?:s changed?:b", SCHEMA_LIST },
	{ "Status", "status",
	  "model:s stage:s version:i? proof:s? targets:i? since:t? state:s live:s? "
	  "drift:[{drift}]?", SCHEMA_LIST },
	{ "StatusEvent", "status --watch",
	  "seq:i time:t model:s stage:s version:i? proof:s? state:s live:s? drift:[{drift}]?",
	  SCHEMA_OUTPUT },
	{ "Target", "target list, target show",
	  "name:s driver?:s stage?:s order?:i address?:s? path?:s? target?:o "
	  "identity:d", SCHEMA_LIST },
	{ "TargetChange", "target add, target remove",
	  "name:s action:s changed:b", SCHEMA_OUTPUT },
	{ "TargetEvent", "status --targets",
	  "seq:i time:t model:s stage:s target:s recorded:i? serving:i? live:s reason:s? code:s? "
	  "advice:s? evidence:s? ready?:i want?:i proofs:[s] drift:[{drift}] periodMs:i",
	  SCHEMA_OUTPUT },
	{ "TargetReach", "target set", "name:s kubeconfig:s context:s url:s prometheus:s? "
	  "changed:b",
	  SCHEMA_OUTPUT },
	{ "TargetSeen", "status --targets, where nothing changed",
	  "seq:i time:t model:s stage:s target:s periodMs:i", SCHEMA_OUTPUT },
	{ "TargetTest", "target test", "name:s reachable:b facts:o cluster?:o", SCHEMA_OUTPUT },
	{ "TargetWatch", "status --targets, first and when others are watched",
	  "seq:i time:t targets:[{place}]", SCHEMA_OUTPUT },
	{ "Verification", "verify",
	  "version:s signature:s signer:s? content:s bytes:i scan:s evidence:s witness:s key:s? "
	  "digest:d? code:E? error:s? lifecycle:s?", SCHEMA_LIST },
	{ "Version", "list NAME, show REF",
	  "version:i digest:d stages:ao signed:b bytes:i files:i created:t lifecycle:s signer:s? "
	  "labels:o aliases:[s] model?:s held?:b key?:s? notes?:[{note}] evidence?:o "
	  "metrics?:o? entry?:i home?:s? "
	  "statements?:[{statement}] fileList?:[{file}]", SCHEMA_LIST },

	{ "plan", "the intent whose digest is a plan's id",
	  "kind:s model:s number:i? previous:d? registry:s stage:s steps:[s] "
	  "targets:[{plan-target}] "
	  "version:d? way_back:d? take?:[s]", SCHEMA_DOCUMENT },
	{ "policy", "the document that a policy entry signs",
	  "version:i registry:s template:s issued:t expires?:t previous:d? "
	  "people:[{policy-person}] "
	  "roles:o root_threshold?:i revoked?:[{policy-revoked}] stages:[{policy-stage}] "
	  "sites?:[{policy-site}] offline?:{policy-offline}",
	  SCHEMA_DOCUMENT },

	{ "alias", NULL, "name:s number:i?", SCHEMA_ENTRY },
	{ "authorisation", NULL, "plan:d", SCHEMA_ENTRY },
	{ "bundle", NULL,
	  "action:s counter?:i inventory?:d size?:i entries?:i list?:d proof?:d request?:d root?:d "
	  "envelope?:o origin?:o versions?:i", SCHEMA_ENTRY },
	{ "approval", NULL, "plan:d", SCHEMA_ENTRY },
	{ "discard", NULL, "plan:d stage:s", SCHEMA_ENTRY },
	{ "evidence", NULL, "digest:d file:d number:i type:s", SCHEMA_ENTRY },
	{ "delete", NULL, "digest:d number:i", SCHEMA_ENTRY },
	{ "job", NULL, "event:s id:s kind:s number:i plan:d stage:s state:s", SCHEMA_ENTRY },
	{ "label", NULL, "number:i? remove:[s] set:o", SCHEMA_ENTRY },
	{ "lifecycle", NULL, "action:s digest:d number:i", SCHEMA_ENTRY },
	{ "note", NULL, "number:i? text:s", SCHEMA_ENTRY },
	{ "origin", NULL, "body:o origin:o type:s", SCHEMA_ENTRY },
	{ "plan", NULL, "id:d kind:s number:i stage:s", SCHEMA_ENTRY },
	{ "policy", NULL, "digest:d version:i", SCHEMA_ENTRY },
	{ "promotion", NULL,
	  "digest:d? job:s kind:s number:i plan:d proofs:[s] stage:s targets:i", SCHEMA_ENTRY },
	{ "registry", NULL, "created:t format:i id:s", SCHEMA_ENTRY },
	{ "target", NULL, "action:s name:s target?:o", SCHEMA_ENTRY },
	{ "version", NULL, "bytes:i digest:d files:i key:s number:i signer:s origin?:o",
	  SCHEMA_ENTRY },

	{ "drift", NULL,
	  "object:s field:s? what:s sent:s? found:s? wanted:s? by:s? since:s? target:s",
	  SCHEMA_PART },
	{ "file", NULL, "path:s bytes:i layer:s digest:d", SCHEMA_PART },
	{ "flag", NULL, "name:s letter:s? value:s? many:b text:s", SCHEMA_PART },
	{ "garbage", NULL, "what:s bytes:i state:s why:s", SCHEMA_PART },
	{ "note", NULL, "entry:i time:t text:s", SCHEMA_PART },
	{ "reading", NULL, "name:s unit:s value:i limit:i requests:i", SCHEMA_PART },
	{ "place", NULL, "model:s stage:s target:s", SCHEMA_PART },
	{ "plan-check", NULL, "name:s state:s text:s", SCHEMA_PART },
	{ "plan-target", NULL, "identity:d name:s rendered:d", SCHEMA_PART },
	{ "policy-line", NULL, "version:i sequence:i time:t digest:d", SCHEMA_PART },
	{ "policy-offline", NULL, "registries:[s] schemes:[s]", SCHEMA_PART },
	{ "policy-person", NULL, "id:s keys:[s]", SCHEMA_PART },
	{ "policy-revoked", NULL, "at:i key:s", SCHEMA_PART },
	{ "policy-site", NULL, "for:[s] name:s root:d", SCHEMA_PART },
	{ "policy-stage", NULL,
	  "name:s order:i protected:b approvals?:i approval_hours?:i break_glass?:[s] gates?:[s] "
	  "min_proof?:s", SCHEMA_PART },
	{ "problem", NULL, "what:s code:E message:s hint:s?", SCHEMA_PART },
	{ "bundle-problem", NULL, "what:s part:i offset:i", SCHEMA_PART },
	{ "bundle-version", NULL, "model:s version:i digest:d", SCHEMA_PART },
	{ "want-image", NULL, "image:s reason:s", SCHEMA_PART },
	{ "want-site", NULL, "registry:s counter:i inventory:d", SCHEMA_PART },
	{ "want-version", NULL, "model:s number:i digest:d", SCHEMA_PART },
	{ "proof-entry", NULL, "inclusion:[s] json:s seq:i", SCHEMA_PART },
	{ "registry-place", NULL, "id:s path:s", SCHEMA_PART },
	{ "signer", NULL, "person:s key:s sequence:i", SCHEMA_PART },
	{ "statement", NULL, "kind:s key:s envelope:d? verified:s predicate:o", SCHEMA_PART },
	{ "tree", NULL, "size:i root:d key:s", SCHEMA_PART },
	{ NULL, NULL, NULL, SCHEMA_PART },
};
/* clang-format on */
