#!/bin/sh
# Trains the packaged sentiment model: scripts/train_sentiment.sh FOLDER, with the labelled reviews in FOLDER.
# The reviews are not part of the project; the model card names them.
set -eu
data=${1:?Name the folder with imdb_train.csv.gz, sst2_train.csv.gz, multi_domain_reviews.csv.gz and the test sets}
exec .venv/bin/python -m textmill train \
    "$data/imdb_train.csv.gz" "$data/sst2_train.csv.gz" "$data/multi_domain_reviews.csv.gz" \
    --test "$data/imdb_test.csv.gz" --test "$data/sst2_test.csv.gz" \
    --task sentiment --language en --force \
    --description "Sentiment of English reviews: positive or negative. A linear model of words and word pairs." \
    --source "Large Movie Review Dataset (Maas et al. 2011), Stanford Sentiment Treebank, binary sentences (Socher et al. 2013), Multi-Domain Sentiment Dataset (Blitzer et al. 2007)" \
    --note "Short negated sentences, such as 'not bad', are often answered wrongly, some of them confidently." \
    --licence "Apache-2.0 for the weights; the Multi-Domain Sentiment Dataset they were also trained on is offered for research use" \
    --out src/textmill/models/sentiment.textmill
