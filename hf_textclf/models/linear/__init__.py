"""Linear models on bags of n-grams, the baselines of every network: Naive Bayes, maximum entropy, NB-SVM.

They share the commands, the data and the metrics of the networks, but not the Auto classes: a folder of theirs is for
`evaluate`, `predict` and the `Classifier`, not for the Hub. Only names here: whoever reads a network's folder should
not wait for scikit-learn.
"""

KINDS = ("naive_bayes", "maxent", "nb_svm")
