#!/usr/bin/env bash
# Train, score and evaluate on a standalone Spark cluster of this machine: a master and two workers.
# Usage: examples/cluster/run.sh [FOLDER], where the outputs go; by default artifacts/cluster.
# PYTHON names another interpreter than that of .venv; it needs pyspark and the package's dependencies.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
python=${PYTHON:-$root/.venv/bin/python}
folder=$(realpath -m "${1:-$root/artifacts/cluster}")
temp=$(mktemp -d "${TMPDIR:-/tmp}/logreg_dist-cluster.XXXXXX")
daemons=()
job=

stop() {
  code=$?
  trap - EXIT
  trap '' INT TERM
  kill $job "${daemons[@]}" 2>/dev/null || true
  wait
  if [ "$code" -eq 0 ]; then
    rm -rf "$temp"
  else
    echo "Stopped with exit code $code; the logs of master and workers are in $temp" >&2
  fi
  exit "$code"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Wait until a daemon has logged a line so many times.
await() {
  local file=$1 line=$2 times=$3
  for _ in $(seq 300); do
    [ "$(grep -c -- "$line" "$file" 2>/dev/null)" -ge "$times" ] && return
    kill -0 "${daemons[@]}" 2>/dev/null || break
    sleep 0.2
  done
  echo "The cluster did not start; see $file" >&2
  return 1
}

# Nothing of this cluster listens beyond this machine, and no other configuration of Spark gets in.
export SPARK_HOME=$("$python" -c 'import os, pyspark; print(os.path.dirname(pyspark.__file__))')
export SPARK_LOCAL_IP=127.0.0.1 SPARK_LOCAL_DIRS=$temp/scratch SPARK_CONF_DIR=$temp/conf
export SPARK_DAEMON_MEMORY=256m SPARK_MASTER_OPTS=-Dspark.master.rest.enabled=false PYSPARK_PYTHON=$python
unset PYSPARK_DRIVER_PYTHON PYTHONPATH SPARK_REMOTE
mkdir -p "$SPARK_CONF_DIR" "$SPARK_LOCAL_DIRS"

"$SPARK_HOME/bin/spark-class" org.apache.spark.deploy.master.Master \
  --host 127.0.0.1 --port 0 --webui-port 0 >"$temp/master.log" 2>&1 &
daemons+=($!)
await "$temp/master.log" 'Starting Spark master at' 1
master=$(grep -om1 'spark://127.0.0.1:[0-9]*' "$temp/master.log")

for worker in 1 2; do
  "$SPARK_HOME/bin/spark-class" org.apache.spark.deploy.worker.Worker \
    --host 127.0.0.1 --port 0 --webui-port 0 --cores 1 --memory 1g --work-dir "$temp/work-$worker" \
    "$master" >"$temp/worker-$worker.log" 2>&1 &
  daemons+=($!)
done
await "$temp/master.log" 'Registering worker' 2
echo "Spark at $master: two workers of one core each"

cp "$root/logreg_dist/commands/log4j2.properties" "$SPARK_CONF_DIR"  # from here on errors only
cd "$root"  # the configurations name their paths from here
"$python" examples/cluster/package.py
[ -e data/churn/customers/part-1.parquet ] || "$python" -m examples.churn.prepare data/churn

# All cores are there before the first job, because the number of splits follows from them. In the
# background, because bash keeps a signal waiting for as long as a command runs in the foreground.
submit() {
  "$SPARK_HOME/bin/spark-submit" --master "$master" --py-files dist/logreg_dist.zip \
    --total-executor-cores 2 --conf spark.scheduler.minRegisteredResourcesRatio=1 \
    --conf spark.ui.enabled=false --conf spark.driver.host=127.0.0.1 "$@" &
  job=$!
  wait "$job"
  job=
}

submit jobs/train.py --config conf/train.yaml \
  --set output.path="$folder/model" --set output.overwrite=true --set input.splits=2
submit jobs/score.py --config conf/score.yaml --set model="$folder/model/model.json" \
  --set output.path="$folder/scored" --set output.run_date=2026-11-21
submit jobs/evaluate.py --config conf/evaluate.yaml --set model="$folder/model/model.json" \
  --set output.path="$folder/holdout"

echo "Trained, scored and evaluated on two executors. The outputs are in $folder:"
echo "  model/model.json   scored/run_date=2026-11-21   holdout/metrics.json"
