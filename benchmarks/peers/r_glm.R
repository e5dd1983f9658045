# Rscript r_glm.R CSV ANSWER EPSILON HAS_WEIGHT HAS_OFFSET: R's own glm, base R only.
args <- commandArgs(trailingOnly = TRUE)
clock <- function() proc.time()[["elapsed"]]
start <- clock()
rows <- read.csv(args[1], stringsAsFactors = TRUE)
loaded <- clock()
weights <- if (args[4] == "yes") rows$weight else rep(1, nrow(rows))
offset <- if (args[5] == "yes") rows$offset else rep(0, nrow(rows))
rows$weight <- NULL
rows$offset <- NULL
# Weights that are not whole numbers are fine here: the warning is about binomial counts.
model <- suppressWarnings(glm(label ~ ., binomial, rows,
  weights = weights, offset = offset,
  control = glm.control(epsilon = as.numeric(args[3]), maxit = 100)
))
coefficients <- summary(model)$coefficients
fitted <- clock()
out <- data.frame(name = rownames(coefficients), value = format(coefficients[, 1], digits = 17))
write.csv(out, args[2], row.names = FALSE)
cat(loaded - start, fitted - loaded, model$iter, "\n")
