# SPDX-License-Identifier: Apache-2.0
_slipway() {
	local verb='' flag='' cur class word only_words=''
	local -a registry found
	local -i n=0

	cur=$words[CURRENT]
	for word in "${(@)words[2,CURRENT-1]}"; do
		if [[ -n $flag ]]; then
			[[ $flag == -R || $flag == --registry ]] && registry=(-R "$word")
			flag=''
		elif [[ -z $only_words && $word == -- ]]; then
			only_words=1
		elif [[ -z $only_words && $word == -?* ]]; then
			class=$(_slipway_data value "$verb" "$word")
			[[ $word != *=* && -n $class ]] && flag=$word
			[[ $word == --registry=* ]] && registry=(-R "${word#*=}")
		elif [[ -z $verb ]]; then
			verb=$word
		elif [[ $n -eq 0 && $verb != *' '* && -n $(_slipway_data is_sub "$verb $word") ]]; then
			verb+=" $word"
		else
			n+=1
		fi
	done

	if [[ -n $flag ]]; then
		class=$(_slipway_data value "$verb" "$flag")
	elif [[ -z $only_words && $cur == --*=* ]]; then
		class=$(_slipway_data value "$verb" "${cur%%=*}")
		compset -P '*='
		cur=${cur#*=}
	elif [[ -z $only_words && $cur == -* ]]; then
		class="of $(_slipway_data flags "$verb")"
	elif [[ -z $verb ]]; then
		class="of $(_slipway_data verbs)"
	else
		class=$(_slipway_data word "$verb" "$n")
		[[ $n -eq 0 ]] && class+=" $(_slipway_data subs "$verb")"
	fi

	case $class in
	file*) _files ;;
	dir*) _files -/ ;;
	*)
		found=("${(@f)$(_slipway_words "$class" "$cur" "${registry[@]}")}")
		if [[ $class == ref* && $cur != *@* ]]; then
			compadd -S '' -- "${(@)found:#}"
		else
			compadd -- "${(@)found:#}"
		fi
		;;
	esac
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
	_slipway "$@"
else
	compdef _slipway slipway
fi
