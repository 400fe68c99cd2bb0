# SPDX-License-Identifier: Apache-2.0
# Words come from the line itself: bash splits them at "@" and "=", which stand in our words.
_slipway() {
	local line=${COMP_LINE:0:COMP_POINT} verb='' flag='' cur class word
	local -a before=() registry=() found=()
	local -i n=0
	local only_words=''

	cur=${line##*[[:space:]]}
	read -ra before <<<"${line%"$cur"}"
	for word in "${before[@]:1}"; do
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
		cur=${cur#*=}
	elif [[ -z $only_words && $cur == -* ]]; then
		class="of $(_slipway_data flags "$verb")"
	elif [[ -z $verb ]]; then
		class="of $(_slipway_data verbs)"
	else
		class=$(_slipway_data word "$verb" "$n")
		[[ $n -eq 0 ]] && class+=" $(_slipway_data subs "$verb")"
	fi

	COMPREPLY=()
	case $class in
	file*) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && compopt -o filenames 2>/dev/null ;;
	dir*) mapfile -t COMPREPLY < <(compgen -d -- "$cur") && compopt -o filenames 2>/dev/null ;;
	*)
		mapfile -t found < <(_slipway_words "$class" "$cur" "${registry[@]}")
		for word in "${found[@]}"; do
			[[ -n $word && $word == "$cur"* ]] && COMPREPLY+=("$word")
		done
		;;
	esac
	[[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *@ ]] && compopt -o nospace 2>/dev/null
	# bash replaces only what stands behind the last of its breaks
	if [[ $cur == *@* && $COMP_WORDBREAKS == *@* ]]; then
		COMPREPLY=("${COMPREPLY[@]#"${cur%"${cur##*@}"}"}")
	fi
	return 0
}
complete -F _slipway slipway
